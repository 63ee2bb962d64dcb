//! What can be wrong with a GS1 code: which identifier, where, and what.

use super::ai::Ai;
use super::lint::LintFault;
use std::fmt;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Gs1Fault {
    /// No data at all.
    #[error("there is nothing to read")]
    Empty,
    /// The digits are no identifier that GS1 has given out.
    #[error("no Application Identifier stands here")]
    UnknownAi,
    /// The data ends too soon.
    #[error("the data ends too soon, {0} characters are wanted")]
    TooShort(usize),
    /// The data goes on where it should have ended.
    #[error("the data is longer than {0} characters")]
    TooLong(usize),
    /// The content fails a check.
    #[error(transparent)]
    Content(LintFault),
    /// A bracket that opens no identifier, or none where one is wanted.
    #[error("a bracket is out of place")]
    Bracket,
    /// The same identifier again, with other data.
    #[error("it stands twice with different data")]
    Contradiction,
    /// Something that must not stand beside it.
    #[error("it must not stand together with ({0})")]
    Excluded(Ai),
    /// Something that must stand on the same item does not.
    #[error("it needs {0} on the same item")]
    Needs(String),
    /// `%` without two hexadecimal digits, or of no character that GS1 uses.
    #[error("the percent-encoding is broken")]
    Percent,
    /// The web address has no GS1 key in its path.
    #[error("the address holds no GS1 key")]
    NoKey,
    /// The web address is not well-formed.
    #[error("the address is not well-formed")]
    Address,
    /// A qualifier that the key does not have, or in the wrong order.
    #[error("it is no qualifier of the key, or out of order")]
    Qualifier,
    /// It must not stand in the query of a Digital Link.
    #[error("it must not stand in the query of the address")]
    NotAnAttribute,
    /// Compressed data that no table of the standard explains.
    #[error("the compressed data cannot be unpacked")]
    Compressed,
}

/// What is wrong with a GS1 code, with which identifier, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gs1Error {
    /// The identifier concerned, if one was recognised.
    pub ai: Option<Ai>,
    /// Where: the number of the character in the text as read, from 1.
    pub position: usize,
    /// What.
    pub fault: Gs1Fault,
}

impl Gs1Error {
    pub(super) fn new(ai: impl Into<Option<Ai>>, offset: usize, fault: Gs1Fault) -> Self {
        Self { ai: ai.into(), position: offset + 1, fault }
    }
}

impl fmt::Display for Gs1Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ai) = self.ai {
            write!(f, "({ai}) ")?;
        }
        write!(f, "at character {}: {}", self.position, self.fault)
    }
}

impl std::error::Error for Gs1Error {}
