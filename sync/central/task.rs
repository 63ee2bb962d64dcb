//! Long work on the command line: it tells how far it is and asks whether to go on.

/// Hears of progress and may stop the work between two batches.
pub trait Watch {
    /// A new part of the work begins; `total` is in the part's own units, 0 when unknown.
    fn begin(&mut self, what: &str, total: u64);
    /// So much of the part is done. Returns false to stop: what was committed stays.
    fn done(&mut self, count: u64) -> bool;
}

/// Watches nothing and never stops.
pub struct Unwatched;
impl Watch for Unwatched {
    fn begin(&mut self, _what: &str, _total: u64) {}
    fn done(&mut self, _count: u64) -> bool {
        true
    }
}

/// How long work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it is done.
    Done,
    /// It was stopped between two batches; the same call goes on from there.
    Stopped,
}
