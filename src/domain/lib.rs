//! The pure rules of a shop, shared by the terminal and by central, so that the price on the shelf, at the till
//! and in the web basket is computed by the same function (invariant 8).
//!
//! Nothing here reads a clock, rolls a die, opens a file or knows a wire format: time and identities come in as
//! arguments, wire types live in `sync::protocol` and are converted by hand.

pub mod article;
pub mod basket;
pub mod code;
pub mod count;
pub mod customer;
pub mod event;
pub mod gtin;
pub mod hlc;
pub mod id;
pub mod merge;
pub mod money;
pub mod order;
pub mod pricing;
pub mod quantity;
pub mod receipt_number;
pub mod staff;
pub mod store;
pub mod tax;
pub mod tender;
pub mod text;
pub mod time;

pub use money::{Currency, Money, Rounding};
pub use quantity::{Quantity, Unit};
