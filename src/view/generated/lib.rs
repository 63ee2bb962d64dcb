//! The types that the Slint compiler generates from `ui/app.slint`, and nothing else: they sit in a crate of
//! their own so that a change of a view-model does not compile the whole user interface again.
#![allow(missing_docs, unused_qualifications, clippy::all)]

slint::include_modules!();
