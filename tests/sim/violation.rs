//! What was broken: an invariant, and how it shows.

use std::fmt;

/// What must hold (`docs/RELIABILITY.md`; the numbers are those of the design).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// I1: central has each committed event at most once, and exactly once at rest; none is lost before.
    ExactlyOnce,
    /// I2: numbers of events and receipts have no holes.
    Gapless,
    /// I3: the chain of hashes holds on both sides.
    Chain,
    /// I4: money taken is money booked.
    Money,
    /// I5: stock is the base plus all deltas.
    Stock,
    /// I7: one reads what one wrote, and never again less.
    OwnWrites,
    /// I8: replicas are equal when all is at rest.
    Replicas,
    /// I9: no card number anywhere.
    NoSecrets,
    /// I10: something will happen by itself, or a person sees that it does not.
    NoSilentStop,
    /// A sale can always be made when the disk is sound.
    AlwaysSell,
    /// When the faults end, everything comes to rest in time.
    Liveness,
    /// Nothing panics.
    NoPanic,
}

impl Invariant {
    /// Its short name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "I1 exactly once",
            Self::Gapless => "I2 gapless",
            Self::Chain => "I3 chain",
            Self::Money => "I4 money",
            Self::Stock => "I5 stock",
            Self::OwnWrites => "I7 own writes",
            Self::Replicas => "I8 replicas",
            Self::NoSecrets => "I9 no secrets",
            Self::NoSilentStop => "I10 no silent stop",
            Self::AlwaysSell => "always sell",
            Self::Liveness => "liveness",
            Self::NoPanic => "no panic",
        }
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {what}")]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// How it shows.
    pub what: String,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a check returns.
pub type Check<T = ()> = Result<T, Violation>;

impl Invariant {
    /// A violation of it.
    pub fn broken<T>(self, what: impl Into<String>) -> Check<T> {
        Err(Violation { invariant: self, what: what.into() })
    }

    /// Requires something.
    pub fn require(self, holds: bool, what: impl FnOnce() -> String) -> Check {
        if holds { Ok(()) } else { self.broken(what()) }
    }
}
