//! The terminal as a library: view-models (`app`) and their window (`view`). `main.rs` puts the parts together.

pub mod app;
pub mod view;
