//! The pages of a damaged database: which versions of each there are, and which of them counts.
//!
//! A page may exist many times: in the file, and in the log once for each transaction that wrote
//! it. The newest that was committed counts; if that one is damaged, an older one is better than
//! nothing, and says so.

use crate::bytes::Bytes;
use crate::cipher::{Cipher, Format, Mac, RawKey, SALT_BYTES, Salt};
use crate::table::Standing;
use crate::wal::{Fate, Frame, Health, Log};
use std::collections::BTreeMap;

/// Pages that are tried when the salt is looked for.
const PROBES_MAX: u32 = 16;
/// Pages that are looked at for the bytes of a page that rows lie on.
const USABLE_PROBES_MAX: u32 = 64;

/// What there is of a file and its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Pages that the file ought to have by its length.
    pub pages: u32,
    /// Those that are whole.
    pub whole: u32,
    /// How the log is.
    pub log: Health,
    /// The salt was found, so that what is whole is proven to be.
    pub is_proven: bool,
}

/// Where a page, or a version of it, lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Its number, from 1.
    pub page: u32,
    /// Where it begins in the log; `None`: in the file.
    pub log_offset: Option<u64>,
}

/// A damaged database, opened for reading.
pub struct Salvage<'a> {
    file: &'a dyn Bytes,
    log_bytes: &'a dyn Bytes,
    log: Log,
    by_page: BTreeMap<u32, Vec<usize>>,
    pub(crate) cipher: Cipher,
    pages: u32,
    usable: usize,
    free: std::collections::BTreeSet<u32>,
}

/// A version of a page, decrypted.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub origin: Origin,
    pub bytes: Vec<u8>,
    pub standing: Standing,
    /// The newest that was committed: nothing newer was lost.
    pub is_newest: bool,
}

impl<'a> Salvage<'a> {
    /// Opens the bytes of a file and of its log ([`crate::Nothing`] where there is none). `salt` is
    /// what the caller remembers of the file's first bytes, for when they are damaged.
    pub fn open(
        key: &RawKey,
        file: &'a dyn Bytes,
        log_bytes: &'a dyn Bytes,
        salt: Option<Salt>,
    ) -> Self {
        let cipher = find_cipher(key, file, log_bytes, salt);
        let log = crate::wal::read(log_bytes, &cipher);
        let mut by_page: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (position, frame) in log.frames.iter().enumerate() {
            by_page.entry(frame.page).or_default().push(position);
        }
        let pages = file.size().div_ceil(cipher.format.page_bytes as u64);
        let pages = u32::try_from(pages).unwrap_or(u32::MAX);
        let free = std::collections::BTreeSet::new();
        let usable = cipher.format.usable_bytes();
        let mut salvage = Self { file, log_bytes, log, by_page, cipher, pages, usable, free };
        salvage.usable = salvage.usable_bytes();
        salvage.free = salvage.free_pages();
        salvage
    }

    /// Counts what is whole; reads everything.
    pub fn found(&self) -> Found {
        let whole = (1..=self.pages).filter(|number| self.in_file(*number).is_some()).count();
        Found {
            pages: self.pages,
            whole: u32::try_from(whole).unwrap_or(u32::MAX),
            log: self.log.health,
            is_proven: self.cipher.has_proof(),
        }
    }

    /// How its pages are laid out.
    pub fn format(&self) -> Format {
        self.cipher.format
    }

    /// Bytes of a page that rows lie on.
    pub(crate) fn usable(&self) -> usize {
        self.usable
    }

    /// The header of the file tells it. It can be less than the cipher leaves: SQLite never makes
    /// the reserve of a file smaller, and SQLCipher begins with that of its longest code. Without
    /// page 1 the rows tell: pages are filled from the end.
    fn usable_bytes(&self) -> usize {
        let format = self.cipher.format;
        let least = Format { mac: Mac::Sha512, ..format }.usable_bytes();
        let told = self.best(1).filter(|page| page.is_newest).and_then(|page| {
            let reserve = usize::from(*page.bytes.get(20)?);
            (reserve >= format.reserve_bytes()).then_some(format.page_bytes - reserve)
        });
        told.unwrap_or_else(|| {
            let step = (self.page_end() / USABLE_PROBES_MAX).max(1) as usize;
            let pages = (2..self.page_end()).step_by(step).filter_map(|number| self.best(number));
            let mut ends =
                pages.filter_map(|page| crate::btree::end(page.origin.page, &page.bytes));
            if ends.any(|end| end > least) { format.usable_bytes() } else { least }
        })
    }

    /// One more than the highest page that anything speaks of.
    pub(crate) fn page_end(&self) -> u32 {
        let logged = self.by_page.keys().next_back().copied().unwrap_or(0);
        self.pages.max(logged).saturating_add(1)
    }

    /// Every whole version of a page, the one that counts first.
    pub(crate) fn versions(&self, number: u32) -> Vec<Version> {
        let positions = self.by_page.get(&number).map_or(&[][..], Vec::as_slice);
        let of_fate = |fate: Fate| {
            let frames =
                positions.iter().rev().filter_map(|position| self.log.frames.get(*position));
            frames.filter(move |frame| frame.fate == fate).map(|frame| (Some(frame), frame.fate))
        };
        let places = of_fate(Fate::Committed)
            .chain([(None, Fate::Committed)])
            .chain(of_fate(Fate::Former))
            .chain(of_fate(Fate::Unconfirmed));
        let mut has_newest = self.log.damaged_pages.contains(&number);
        let mut is_first = true;
        let mut versions = Vec::new();
        for (frame, fate) in places {
            let Some(bytes) = frame.map_or_else(|| self.in_file(number), |it| self.in_log(it))
            else {
                // Frames that are listed are whole; this is the file, and its page was the newest
                // there.
                has_newest = true;
                continue;
            };
            let is_best = std::mem::take(&mut is_first);
            let standing = match fate {
                Fate::Unconfirmed | Fate::Former => Standing::Unconfirmed,
                Fate::Committed if is_best && !self.free.contains(&number) => Standing::Current,
                _ => Standing::Former,
            };
            let is_newest = !std::mem::replace(&mut has_newest, true) && fate == Fate::Committed;
            let origin = Origin { page: number, log_offset: frame.map(|frame| frame.offset) };
            versions.push(Version { origin, bytes, standing, is_newest });
        }
        versions
    }

    /// The version that counts, or the best of those that are left.
    pub(crate) fn best(&self, number: u32) -> Option<Version> {
        self.versions(number).into_iter().next()
    }

    /// What a transaction saw of which no commit is known: its own version, else the one that
    /// counts.
    pub(crate) fn unconfirmed(&self, number: u32) -> Option<Version> {
        let mut versions = self.versions(number);
        let own = versions.iter().position(|it| it.standing == Standing::Unconfirmed).unwrap_or(0);
        (own < versions.len()).then(|| versions.swap_remove(own))
    }

    /// Whether the log lacks something: what no commit is known of may have been committed all the same.
    pub fn has_damaged_log(&self) -> bool {
        self.log.health.damaged > 0
    }

    /// Whether the log may have been longer than it is now: nobody can tell how much.
    pub fn has_open_end(&self) -> bool {
        self.log.health.damaged > 0 || self.log.health.is_cut
    }

    /// Whether anything at all is missing from the log, or unproven.
    pub(crate) fn has_gaps(&self) -> bool {
        self.log.health.damaged > 0 || !self.cipher.has_proof()
    }

    fn in_log(&self, frame: &Frame) -> Option<Vec<u8>> {
        let mut page = vec![0u8; self.cipher.format.page_bytes];
        self.log_bytes.read_at(frame.offset, &mut page).then_some(())?;
        self.decrypt(frame.page, page)
    }

    fn decrypt(&self, number: u32, page: Vec<u8>) -> Option<Vec<u8>> {
        let mut page = self.cipher.decrypt(number, page)?;
        page.truncate(self.usable);
        Some(page)
    }

    fn in_file(&self, number: u32) -> Option<Vec<u8>> {
        let page = read_page(self.file, number, self.cipher.format)?;
        if self.cipher.has_proof() {
            return if self.cipher.proves(number, &page) {
                self.decrypt(number, page)
            } else {
                None
            };
        }
        // Without the salt only the shape is left to judge by: rows say that they are not certain.
        let page = self.decrypt(number, page)?;
        let is_tree = crate::btree::node(number, &page).is_none_or(|node| node.is_whole);
        is_tree.then_some(page)
    }

    /// Pages that the list of free pages names, as far as it can be followed: rows on them were
    /// deleted.
    fn free_pages(&self) -> std::collections::BTreeSet<u32> {
        let mut free = std::collections::BTreeSet::new();
        let Some(first) = self.best(1).filter(|page| page.is_newest) else { return free };
        let mut trunk = crate::btree::u32_at(&first.bytes, 32).unwrap_or(0);
        while trunk != 0 && trunk < self.page_end() && free.insert(trunk) {
            let Some(page) = self.best(trunk).filter(|page| page.is_newest) else { break };
            let count = crate::btree::u32_at(&page.bytes, 4).unwrap_or(0) as usize;
            let leaves = (0..count.min(self.usable() / 4))
                .filter_map(|position| crate::btree::u32_at(&page.bytes, 8 + 4 * position));
            free.extend(leaves);
            trunk = crate::btree::u32_at(&page.bytes, 0).unwrap_or(0);
        }
        free
    }
}

fn read_page(file: &dyn Bytes, number: u32, format: Format) -> Option<Vec<u8>> {
    let mut page = vec![0u8; format.page_bytes];
    let offset = u64::from(number.checked_sub(1)?) * format.page_bytes as u64;
    file.read_at(offset, &mut page).then_some(page)
}

/// Finds format and salt by what proves any page: the file's first bytes, those of a page 1 in the
/// log, what the caller remembers, and at last the file's with each single byte changed.
fn find_cipher(
    key: &RawKey,
    file: &dyn Bytes,
    log: &dyn Bytes,
    remembered: Option<Salt>,
) -> Cipher {
    let mut head = [0u8; SALT_BYTES];
    let head = file.read_at(0, &mut head).then_some(head);
    for format in Format::KNOWN {
        let probes = probes(file, log, format);
        let is_right = |salt: &Salt| {
            let cipher = Cipher::new(key, Some(salt), format);
            probes.iter().any(|(number, page)| cipher.proves(*number, page)).then_some(cipher)
        };
        let logged = probes.iter().filter(|(number, _)| *number == 1);
        let logged = logged.filter_map(|(_, page)| page.first_chunk().copied());
        let likely = head.into_iter().chain(remembered).chain(logged);
        if let Some(cipher) = likely.into_iter().find_map(|salt| is_right(&salt)) {
            return cipher;
        }
        if let Some(cipher) = head.and_then(|head| near(head).find_map(|salt| is_right(&salt))) {
            return cipher;
        }
    }
    Cipher::new(key, None, Format::KNOWN[0])
}

/// Salts that differ in one byte.
fn near(salt: Salt) -> impl Iterator<Item = Salt> {
    (0..SALT_BYTES).flat_map(move |position| {
        (1..=u8::MAX).map(move |change| {
            let mut other = salt;
            other[position] ^= change;
            other
        })
    })
}

/// Some pages to try keys on, from all over the file, and the first of the log.
fn probes(file: &dyn Bytes, log: &dyn Bytes, format: Format) -> Vec<(u32, Vec<u8>)> {
    let pages = u32::try_from(file.size() / format.page_bytes as u64).unwrap_or(u32::MAX);
    let step = (pages / PROBES_MAX).max(1) as usize;
    let numbers = (1..=pages).step_by(step).take(PROBES_MAX as usize);
    let mut probes: Vec<(u32, Vec<u8>)> = numbers
        .filter_map(|number| Some((number, read_page(file, number, format)?)))
        .filter(|(_, page)| page.iter().any(|byte| *byte != 0))
        .collect();
    for position in 0..u64::from(PROBES_MAX) {
        let frame_bytes = (crate::wal::FRAME_HEADER_BYTES + format.page_bytes) as u64;
        let mut frame = vec![0u8; crate::wal::FRAME_HEADER_BYTES + format.page_bytes];
        if !log.read_at(32 + position * frame_bytes, &mut frame) {
            break;
        }
        let number = crate::btree::u32_at(&frame, 0).unwrap_or(0);
        probes.push((number, frame.split_off(crate::wal::FRAME_HEADER_BYTES)));
    }
    probes
}
