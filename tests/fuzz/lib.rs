//! Fuzz targets: every decoder that meets bytes from outside, as a function of bytes.
//!
//! ```text
//! bytes ── replay (cargo test): corpus + inputs made from it by a seed ──┐
//!       ── engine (./dev fuzz): libFuzzer, guided by coverage ───────────┴─► Target::run
//! ```
//! A target must hold for *all* bytes: it does not panic, ends soon, keeps memory bounded, and what it reads and
//! writes again stays the same. It returns nothing; a broken promise is a panic. What was found once is kept as an
//! input in `corpus/<target>/`.

pub mod mutate;
mod target;

/// One decoder, or one family of them.
pub struct Target {
    /// Name, as of its folder in the corpus.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]),
    /// Inputs that the ordinary tests make from the corpus.
    pub replays: u32,
    /// What inputs are made of, besides what the corpus holds.
    pub words: &'static [&'static str],
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "event", run: target::wire::event, replays: 20000, words: target::wire::WORDS },
    Target {
        name: "message",
        run: target::wire::message,
        replays: 8000,
        words: target::wire::WORDS,
    },
    Target { name: "chunk", run: target::chunk::run, replays: 4000, words: target::wire::WORDS },
    Target { name: "text", run: target::text::run, replays: 30000, words: target::text::WORDS },
    Target { name: "code", run: target::code::run, replays: 30000, words: target::code::WORDS },
    Target { name: "wedge", run: target::code::wedge, replays: 20000, words: target::code::WORDS },
    Target { name: "image", run: target::image::run, replays: 20000, words: &[] },
    Target { name: "frame", run: target::frame::run, replays: 100, words: &[] },
    Target { name: "store", run: target::store::run, replays: 150, words: target::wire::WORDS },
    Target { name: "key", run: target::store::key, replays: 1000, words: &[] },
    Target {
        name: "central",
        run: target::central::run,
        replays: 1000,
        words: target::wire::WORDS,
    },
    Target {
        name: "import",
        run: target::import::run,
        replays: 1000,
        words: target::import::WORDS,
    },
    Target { name: "http", run: target::http::run, replays: 1500, words: target::http::WORDS },
    Target { name: "salvage", run: target::salvage::run, replays: 150, words: &[] },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
