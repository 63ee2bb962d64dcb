//! The write-ahead log: which of its pages were committed, and whether damage hides commits from
//! SQLite.
//!
//! ```text
//! header 32: magic, version, page bytes, checkpoint, salt 8, checksum 8
//! frame:     page 4, pages after commit 4 (0: no commit), salt 8, checksum 8 | page
//! checksum of a frame = f(checksum of the frame before, its first 8 bytes, its page)
//! ```
//! SQLite reads to the first frame that does not fit and takes the rest as never written, which is
//! right after a power cut and wrong after damage: whole commits vanish without a word, and their
//! numbers would be used a second time. What tells the two apart is what comes behind: every commit
//! is flushed before the next begins, so a power cut spoils one transaction at most. Frames that do
//! not continue the chain though they and all before them are sound are leftovers of a write that
//! failed: no commit.

use crate::bytes::Bytes;
use crate::cipher::Cipher;

const HEADER_BYTES: u64 = 32;
pub(crate) const FRAME_HEADER_BYTES: usize = 24;
const MAGIC_LITTLE: u32 = 0x377f_0682;
const MAGIC_BIG: u32 = 0x377f_0683;
const SALT: std::ops::Range<usize> = 8..16;

type Checksum = (u32, u32);

/// What became of the page in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Part of a transaction that was committed.
    Committed,
    /// No commit is behind it: what it says never came to be, or nobody can tell any more.
    Unconfirmed,
    /// Written before the log began anew. If it was committed it is in the file too, as that or
    /// something newer; if not, nobody can tell any more.
    Former,
}

/// One frame whose page is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub page: u32,
    /// Where the page begins in the log.
    pub offset: u64,
    pub fate: Fate,
}

/// How a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Frames, whole or not, of any age.
    pub frames: u64,
    /// Frames that SQLite reads: those up to the last commit before the first fault.
    pub seen_by_sqlite: u64,
    /// Frames of the present log whose page is not whole.
    pub damaged: u64,
    /// Commits behind a damaged frame, which SQLite does not see.
    pub hidden_commits: u64,
    /// It ends within a frame: what came after was cut off, or never written.
    pub is_cut: bool,
    /// They were certainly committed: a power cut alone cannot have left the log so.
    pub is_losing_commits: bool,
}

/// A log, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub frames: Vec<Frame>,
    /// Pages of which a damaged frame says that it held them.
    pub damaged_pages: std::collections::BTreeSet<u32>,
    pub health: Health,
}

struct RawFrame {
    header: [u8; FRAME_HEADER_BYTES],
    page: Vec<u8>,
}

impl RawFrame {
    fn number(&self) -> u32 {
        be(&self.header, 0)
    }
    fn is_commit(&self) -> bool {
        be(&self.header, 4) != 0
    }
    fn stored(&self) -> Checksum {
        (be(&self.header, 16), be(&self.header, 20))
    }
    fn sum_after(&self, before: Checksum, is_big: bool) -> Checksum {
        checksum(checksum(before, &self.header[..8], is_big), &self.page, is_big)
    }
}

fn be(bytes: &[u8], at: usize) -> u32 {
    crate::btree::u32_at(bytes, at).unwrap_or(0)
}

/// What the next frame is expected to continue.
#[derive(Clone, Copy)]
enum Anchor {
    /// Everything before is sound.
    Sure(Checksum),
    /// The frame before is damaged; its checksum may be right or not.
    Doubtful(Checksum),
}

/// Reads a log. `cipher` tells which pages are whole; without its proof the frames' own checksums
/// must do.
pub(crate) fn read(log: &dyn Bytes, cipher: &Cipher) -> Log {
    let page_bytes = cipher.format.page_bytes;
    let mut reader = Reader::new(log, cipher);
    let count = log.size().saturating_sub(HEADER_BYTES) / (FRAME_HEADER_BYTES + page_bytes) as u64;
    reader.out.health.frames = count;
    let rest = log.size().saturating_sub(HEADER_BYTES) % (FRAME_HEADER_BYTES + page_bytes) as u64;
    reader.out.health.is_cut = rest > 0;
    let mut next = reader.frame(0);
    for position in 0..count {
        let Some(frame) = next.take() else {
            reader.miss();
            next = reader.frame(position + 1);
            continue;
        };
        next = reader.frame(position + 1);
        reader.take(position, &frame, next.as_ref());
    }
    reader.finish()
}

/// How the log of a database is, before SQLite opens it: SQLite would write over what it does not
/// see.
pub fn examine(
    database: &dyn Bytes,
    log: &dyn Bytes,
    key: &crate::RawKey,
    salt: Option<&crate::Salt>,
    format: crate::Format,
) -> Health {
    let read = read(log, &Cipher::new(key, salt, format));
    let mut health = read.health;
    health.is_losing_commits &= !is_in_file(database, log, &read.frames, format);
    health
}

/// Whether the file has every committed page already. So it is when the header alone is broken,
/// because the power went while the log began anew.
fn is_in_file(
    database: &dyn Bytes,
    log: &dyn Bytes,
    frames: &[Frame],
    format: crate::Format,
) -> bool {
    let committed = frames.iter().filter(|frame| frame.fate == Fate::Committed);
    let newest: std::collections::BTreeMap<u32, u64> =
        committed.map(|frame| (frame.page, frame.offset)).collect();
    let (mut written, mut held) = (vec![0u8; format.page_bytes], vec![0u8; format.page_bytes]);
    newest.into_iter().all(|(page, offset)| {
        let at = u64::from(page).saturating_sub(1) * format.page_bytes as u64;
        log.read_at(offset, &mut written) && database.read_at(at, &mut held) && written == held
    })
}

struct Reader<'a> {
    log: &'a dyn Bytes,
    cipher: &'a Cipher,
    is_big: bool,
    /// Of the present log; `None` until the first whole frame tells it, where the header is
    /// damaged.
    salt: Option<[u8; 8]>,
    anchor: Anchor,
    /// No fault so far.
    is_sound: bool,
    /// Leftovers have begun.
    is_over: bool,
    /// Commits, and any frame, seen behind the first fault.
    frames_behind_hidden_commit: u64,
    /// Frames up to here (in `out.frames`) have a commit behind them.
    committed: usize,
    out: Log,
}

impl<'a> Reader<'a> {
    fn new(log: &'a dyn Bytes, cipher: &'a Cipher) -> Self {
        let mut header = [0u8; HEADER_BYTES as usize];
        let is_read = log.read_at(0, &mut header);
        let magic = be(&header, 0);
        let is_big = magic == MAGIC_BIG;
        let stored = (be(&header, 24), be(&header, 28));
        let is_sound = is_read
            && matches!(magic, MAGIC_LITTLE | MAGIC_BIG)
            && checksum((0, 0), &header[..24], is_big) == stored;
        let salt = header[16..24].first_chunk().copied().filter(|_| is_sound);
        let anchor = if is_sound { Anchor::Sure(stored) } else { Anchor::Doubtful(stored) };
        let out = Log::default();
        let (is_over, committed, frames_behind_hidden_commit) = (false, 0, 0);
        Self {
            log,
            cipher,
            is_big,
            salt,
            anchor,
            is_sound,
            is_over,
            frames_behind_hidden_commit,
            committed,
            out,
        }
    }

    fn offset(&self, position: u64) -> u64 {
        HEADER_BYTES + position * (FRAME_HEADER_BYTES + self.cipher.format.page_bytes) as u64
    }

    fn frame(&self, position: u64) -> Option<RawFrame> {
        let mut header = [0u8; FRAME_HEADER_BYTES];
        let mut page = vec![0u8; self.cipher.format.page_bytes];
        let offset = self.offset(position);
        let is_read = self.log.read_at(offset, &mut header)
            && self.log.read_at(offset + FRAME_HEADER_BYTES as u64, &mut page);
        is_read.then_some(RawFrame { header, page })
    }

    /// A frame that the disk does not give.
    fn miss(&mut self) {
        self.out.health.damaged += 1;
        self.is_sound = false;
        self.anchor = Anchor::Doubtful((0, 0));
    }

    fn take(&mut self, position: u64, frame: &RawFrame, next: Option<&RawFrame>) {
        let chained = match self.anchor {
            Anchor::Sure(before) | Anchor::Doubtful(before) => frame.sum_after(before, self.is_big),
        };
        let is_chained = chained == frame.stored();
        let is_whole = if self.cipher.has_proof() {
            self.cipher.proves(frame.number(), &frame.page)
        } else {
            is_chained
        };
        let salt: Option<[u8; 8]> = frame.header[SALT].first_chunk().copied();
        if self.salt.is_none() && is_whole {
            self.salt = salt;
        }
        let is_present = salt == self.salt && salt.is_some();
        let is_ours =
            is_whole && is_present && !self.is_over && self.continues(is_chained, chained, next);
        if is_whole {
            let fate = if is_present { Fate::Unconfirmed } else { Fate::Former };
            let offset = self.offset(position) + FRAME_HEADER_BYTES as u64;
            self.out.frames.push(Frame { page: frame.number(), offset, fate });
        }
        if self.is_over {
            return;
        }
        if is_ours {
            self.book(frame, is_chained);
            let sum = if is_chained { frame.stored() } else { chained };
            self.anchor = match self.anchor {
                // Behind a damaged frame nothing can be computed; what this one says of itself is
                // taken.
                Anchor::Doubtful(_) => Anchor::Sure(frame.stored()),
                Anchor::Sure(_) => Anchor::Sure(sum),
            };
        } else {
            // Old frames behind the end of the log look the same as ones whose salt was hit; only a
            // commit of the present log behind them can tell, and that is what is counted.
            self.is_sound = false;
            self.out.health.damaged += u64::from(is_present || !is_whole);
            self.out.damaged_pages.insert(frame.number());
            self.anchor = Anchor::Doubtful(frame.stored());
        }
    }

    /// Whether a whole frame of the present log goes on where the frames before it end. If not, the
    /// log is over.
    fn continues(&mut self, is_chained: bool, chained: Checksum, next: Option<&RawFrame>) -> bool {
        if is_chained || matches!(self.anchor, Anchor::Doubtful(_)) {
            return true;
        }
        // Its own checksum may have been hit: then the next frame continues what it should have
        // been.
        let is_hit = next.is_some_and(|next| next.sum_after(chained, self.is_big) == next.stored());
        if is_hit {
            self.out.health.damaged += 1;
            self.is_sound = false;
        }
        self.is_over = !is_hit;
        is_hit
    }

    fn book(&mut self, frame: &RawFrame, is_chained: bool) {
        if self.out.health.hidden_commits > 0 {
            self.frames_behind_hidden_commit += 1;
        }
        if !frame.is_commit() || !is_chained {
            return;
        }
        self.committed = self.out.frames.len();
        if self.is_sound {
            self.out.health.seen_by_sqlite = self.out.frames.len() as u64;
        } else {
            self.out.health.hidden_commits += 1;
        }
    }

    fn finish(mut self) -> Log {
        for frame in self.out.frames.iter_mut().take(self.committed) {
            if frame.fate == Fate::Unconfirmed {
                frame.fate = Fate::Committed;
            }
        }
        self.out.health.is_losing_commits =
            self.out.health.hidden_commits > 0 && self.frames_behind_hidden_commit > 0;
        self.out
    }
}

/// The checksum of the log: sums of sums over pairs of words.
fn checksum(start: Checksum, bytes: &[u8], is_big: bool) -> Checksum {
    let word = |four: &[u8]| {
        let four = four.first_chunk().copied().unwrap_or_default();
        if is_big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    let (mut first, mut second) = start;
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}
