//! What the terminal says to a person, and the one place where errors become sentences.
//!
//! The sentences themselves are with the translations, keyed by the codes used here.

use super::screen::{Message, Severity};
use store::StoreError;

impl Message {
    fn new(severity: Severity, code: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        Self { severity, code: code.to_owned(), arguments }
    }
    /// Good to know.
    pub fn information(code: &str, arguments: &[&str]) -> Self {
        Self::new(Severity::Information, code, arguments)
    }
    /// It worked.
    pub fn success(code: &str, arguments: &[&str]) -> Self {
        Self::new(Severity::Success, code, arguments)
    }
    /// Someone should act soon.
    pub fn warning(code: &str, arguments: &[&str]) -> Self {
        Self::new(Severity::Warning, code, arguments)
    }
    /// It did not work.
    pub fn error(code: &str, arguments: &[&str]) -> Self {
        Self::new(Severity::Error, code, arguments)
    }
    /// Whether it may go away by itself.
    pub fn is_passing(&self) -> bool {
        matches!(self.severity, Severity::Information | Severity::Success)
    }
}

/// What a failure of the storage means to a cashier. Few cases, each with an action.
pub fn of_store_error(error: &StoreError) -> Message {
    if error.is_disk_full() {
        Message::error("disk-full", &[])
    } else if matches!(error, StoreError::Damaged(_)) {
        Message::error("database-damaged", &[])
    } else {
        Message::error("internal", &[])
    }
}
