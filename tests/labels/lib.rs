//! Seeded pictures and clips of labels as a camera takes them, with what is printed on them.
//!
//! ```text
//! symbol (modules) ─► label on a ground (reflectance) ─► camera (pose, light, blur, sensor, JPEG) ─► frame
//! class: one difficulty a still     clip: a hand, a focus, an exposure     empty: everything but a code
//! ```
//! For benches and tests only. The same seed is the same picture on every machine and in every year: nothing here asks
//! for time, chance or the C library's curves. A picture must look like one that a camera took; what a reader does
//! with pictures that no camera takes says nothing.

mod camera;
mod canvas;
mod chance;
mod class;
mod clip;
mod drive;
mod empty;
mod font;
mod ground;
mod label;
mod pose;
mod symbol;

pub use camera::{Blur, Glare, Light, Sensor, Shadow, Shot};
pub use canvas::Canvas;
pub use chance::Chance;
pub use class::{Class, Picture};
pub use clip::{Clip, FRAME_MS, Moment};
pub use drive::{Accepted, Stream};
pub use empty::Empty;
pub use ground::Ground;
pub use label::{Print, Scene};
pub use pose::{Curve, Lens, Pose};
pub use symbol::{Kind, Symbol};
