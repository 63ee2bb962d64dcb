//! From a frame to a code that can be trusted.
//!
//! ```text
//! source (camera, replay) -> mailbox (newest wins) -> locate -> decode -> confirm -> guard -> event
//! keyboard wedge ----------------------------------------------------------------------^
//! ```
//! A wrong article is worse than none: what is read once proves nothing until lines, frames or
//! error correction agree. Deciding code reads no clock; panics of decoders and camera drivers end
//! at this crate's edge; nothing here knows baskets, prices or screens.

pub mod add_on;
mod apart;
pub mod clip;
pub mod clock;
pub mod confirm;
pub mod decode;
mod ean_pattern;
pub mod evidence;
pub mod frame;
mod glare;
pub mod grey;
pub mod guard;
pub mod image;
mod line;
mod locate;
mod mailbox;
pub(crate) mod outline;
pub mod picture;
pub mod source;
pub mod still;
pub mod stream;
pub mod torch;
pub mod trace;
pub mod wedge;

pub use clock::{Clock, MonotonicClock};
pub use confirm::Catalogue;
pub use decode::{Decoder, Options};
pub use evidence::{Evidence, Hint, Strategy};
pub use frame::{Frame, Luma, Outline, Point};
pub use picture::Picture;
pub use stream::{LookReport, ScanEvent, Scanner, Settings};
pub use trace::Trace;
