//! What a reader of a database sees: its pages as of the last commit, out of the file and the write-ahead log.
//!
//! Two disks on which SQLite recovers the same view hold the same database, however different their bytes are:
//! of thousands of damaged disks few need to be read row by row. Only pages of 4,096 bytes are understood.

use crate::content::{Content, Fingerprint};
use std::collections::{BTreeMap, HashMap};

const PAGE: usize = crate::content::PAGE;
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A database as of its last commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct View {
    /// Pages of the database.
    pub pages: u32,
    /// Frames of the log that count.
    pub frames: u32,
    /// Over all pages as a reader sees them.
    pub fingerprint: Fingerprint,
}

/// Views that were composed before, by what they were composed of: after most cuts only the end of the log differs,
/// which no longer counts.
#[derive(Default)]
pub(crate) struct Views(HashMap<Fingerprint, View>);

/// Views kept before all are forgotten.
const VIEWS_MAX: usize = 20_000;

impl Views {
    /// The view, composed if it is not known.
    pub fn of(
        &mut self,
        database: &Content,
        log: Option<&Content>,
        index: Option<[u8; 48]>,
    ) -> View {
        let (frames, pages) = index.map_or((0, 0), frames_and_pages);
        let end = LOG_HEADER + frames as usize * (FRAME_HEADER + PAGE);
        let mut parts = vec![0; 24];
        parts[..4].copy_from_slice(&frames.to_le_bytes());
        parts[4..8].copy_from_slice(&pages.to_le_bytes());
        parts[8..].copy_from_slice(&database.fingerprint().0);
        for page in 0..end.div_ceil(PAGE) {
            let part = log.and_then(|log| log.page_fingerprint(page));
            parts.extend_from_slice(&part.unwrap_or(Fingerprint([0; 16])).0);
        }
        if self.0.len() > VIEWS_MAX {
            self.0.clear();
        }
        *self.0.entry(Fingerprint::of(&parts)).or_insert_with(|| view(database, log, index))
    }
}

/// From the header of the index: frames that count, and pages of the database after them.
fn frames_and_pages(header: [u8; 48]) -> (u32, u32) {
    let number = |at: usize| {
        let bytes = header[at..at + 4].try_into().expect("four bytes");
        u32::from_ne_bytes(bytes)
    };
    (number(16), number(20))
}

/// Composes the view; `index` is the header of the index that SQLite keeps in shared memory while the database is
/// open, `None` if it keeps none: then the file alone counts.
fn view(database: &Content, log: Option<&Content>, index: Option<[u8; 48]>) -> View {
    let (frames, pages_of_log) = index.map_or((0, 0), frames_and_pages);
    let mut newest: BTreeMap<u32, usize> = BTreeMap::new();
    let mut header = [0; 4];
    if let Some(log) = log {
        for frame in 0..frames as usize {
            let at = LOG_HEADER + frame * (FRAME_HEADER + PAGE);
            log.read(at, &mut header);
            newest.insert(u32::from_be_bytes(header), at + FRAME_HEADER);
        }
    }
    let in_file = u32::try_from(database.len() / PAGE).unwrap_or(u32::MAX);
    let pages = if frames > 0 { pages_of_log } else { in_file };
    let mut all = Vec::with_capacity(4 + 16 * pages as usize);
    all.extend_from_slice(&pages.to_le_bytes());
    let mut bytes = [0; PAGE];
    for page in 1..=pages {
        let fingerprint = match (newest.get(&page), log) {
            (Some(at), Some(log)) => {
                log.read(*at, &mut bytes);
                Fingerprint::of(&bytes)
            }
            // A page that the file lacks is like no page that it has.
            _ => database.page_fingerprint(page as usize - 1).unwrap_or(Fingerprint([0; 16])),
        };
        all.extend_from_slice(&fingerprint.0);
    }
    View { pages, frames, fingerprint: Fingerprint::of(&all) }
}
