//! Classes of faults and changes, each of which can be switched off: a failure is shrunk by leaving out what it
//! does not need.

use std::fmt;
use std::str::FromStr;

macro_rules! classes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// What can go wrong, or change from outside.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class { $($(#[doc = $doc])* $name,)* }

        impl Class {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it is, in words.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*),)* }
            }
        }
    };
}

classes! {
    /// Requests that never arrive; only the caller's own timeout ends them.
    Loss = "loss",
    /// Requests that arrive twice, the second time much later.
    Duplicate = "duplicate",
    /// Requests and answers that take long and overtake each other.
    Delay = "delay",
    /// Answers that break off or are damaged on the way, after central has done what was asked.
    CutBody = "cut-body",
    /// Answers that never arrive, after central has done what was asked.
    LostAnswer = "lost-answer",
    /// No connection for a while, for one device or all, one way or both.
    Partition = "partition",
    /// A login page in central's place, with status 200.
    Portal = "portal",
    /// Answers with 5xx, before or after central did what was asked.
    Failing = "failing",
    /// Answers with 429 and `Retry-After`.
    Throttle = "throttle",
    /// The line is cut on purpose.
    Cut = "cut",
    /// The power goes, at any write or sync.
    PowerCut = "power-cut",
    /// The program is closed and started again.
    Restart = "restart",
    /// Single reads, writes or syncs of a device's disk fail.
    DiskError = "disk-error",
    /// A device's disk is full for a while.
    DiskFull = "disk-full",
    /// A device's clock is wrong from the start.
    Skew = "skew",
    /// Somebody sets a device's clock.
    ClockJump = "clock-jump",
    /// A device's clock runs too fast or too slow.
    Drift = "drift",
    /// A device's disk is copied to another device, and both go on.
    Clone = "clone",
    /// A device's disk is replaced by an older copy.
    Restore = "restore",
    /// Central's database is replaced by an older one.
    CentralRestore = "central-restore",
    /// Central is started again: sessions are forgotten.
    CentralRestart = "central-restart",
    /// Central is newer or older than the terminals.
    Version = "version",
    /// A terminal is taken out of service, and enrolled again later.
    Revoke = "revoke",
    /// Events that central cannot judge or refuses.
    Poison = "poison",
    /// Prices, stock, customers and articles change, and some go for good.
    Publish = "publish",
    /// Central forgets tombstones and expired snapshots.
    Compact = "compact",
    /// Pages of a device's database change on its disk, and it is recovered.
    Damage = "damage",
}

/// A set of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classes(u64);

impl Classes {
    /// All of them.
    pub const ALL: Self = Self(u64::MAX);
    /// None.
    pub const NONE: Self = Self(0);

    /// Without one.
    #[must_use]
    pub const fn without(self, class: Class) -> Self {
        Self(self.0 & !(1 << class as u64))
    }

    /// With one.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | 1 << class as u64)
    }

    /// Whether it is in.
    pub const fn has(self, class: Class) -> bool {
        self.0 & (1 << class as u64) != 0
    }

    /// Those that are not in.
    pub fn missing(self) -> impl Iterator<Item = Class> {
        Class::ALL.iter().copied().filter(move |class| !self.has(*class))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No such class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no class of faults `{0}`")]
pub struct UnknownClass(pub String);

impl FromStr for Class {
    type Err = UnknownClass;
    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        let found = Self::ALL.iter().find(|class| class.name() == text);
        found.copied().ok_or_else(|| UnknownClass(text.into()))
    }
}

/// The command line lists the names, in its help and to whoever gives another one.
impl clap::ValueEnum for Class {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let words = self.words().trim().trim_end_matches('.');
        Some(clap::builder::PossibleValue::new(self.name()).help(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(*class));
            assert!(!Classes::ALL.without(*class).has(*class));
            assert!(Classes::NONE.with(*class).has(*class));
        }
        assert!("weather".parse::<Class>().is_err());
    }
}
