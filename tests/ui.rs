//! The window as a person meets it: names for every button, the right intent for every touch, few touches for
//! what is done often, nothing outside the screen in any language, no text without a translation.
//!
//! It runs without a display, on the same software renderer and with the same fonts as on the floor.

#[path = "ui/translation.rs"]
mod translation;
#[path = "ui/window.rs"]
mod window;
