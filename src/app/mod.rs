//! View-models: intents and events in, plain structs out. No Slint, no SQL, no HTTP.

pub mod intent;
pub mod screen;
