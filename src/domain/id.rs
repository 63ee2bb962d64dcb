//! Typed identities, so that an order cannot be looked up by a customer's id.
//!
//! All are UUIDs of version 7 (RFC 9562, section 5.7): time-ordered, made on the device, stored before they are
//! first sent. They are minted by an [`IdSource`], a port, so that a simulation can replay them.

use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Where new identities come from. The program uses random version 7 UUIDs, tests a counter.
pub trait IdSource {
    /// The next identity, never returned before.
    fn next_uuid(&mut self) -> Uuid;
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Mints a new identity from `source`.
            pub fn mint(source: &mut dyn IdSource) -> Self {
                Self(source.next_uuid())
            }
            /// Takes an identity that came over the wire or out of the database.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
            /// The bare UUID, for the wire and the database.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

typed_ids! {
    /// One enrolled device.
    TerminalId
    /// One shop with a roof.
    StoreId
    /// A person who signs in with a PIN.
    StaffId
    /// A period in which one person is responsible for a terminal.
    ShiftId
    /// A sellable thing.
    ArticleId
    /// A person or household that buys.
    CustomerId
    /// What is being collected, before it is committed.
    BasketId
    /// One article in a basket or an order.
    LineId
    /// A basket that was committed.
    OrderId
    /// A means of payment taken.
    TenderId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let id = OrderId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse::<OrderId>().ok(), Some(id));
    }
}
