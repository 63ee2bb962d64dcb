//! What a power cut does to what was not yet durable.
//!
//! ```text
//!  pending   w1 w2 w3 w4 w5      in the order in which they were asked
//!  Prefix(3) w1 w2 w3 .  .       the card wrote in order
//!  Suffix(2) .  .  .  w4 w5      the last first: any subset that lacks an early one is a change of order
//!  Torn      w1 w2 w~ .  .       some sectors of w3 are new, the others old
//!  Random    w1 .  w3 .  w~      each on its own, or each sector on its own
//!  Zeros     w1 .  w3 00 w5      the length of the file grew, the bytes did not come
//!  Stale     w1 .  w3 ?? w5      ... and what lay there before, of whatever file, shows
//! ```

use crate::content::Content;
use crate::image::{Change, FileId, Image, Platter};
use dice::Dice;
use std::collections::BTreeMap;

/// Bytes that a card writes in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sector {
    /// 512: what disks and cards have promised for decades.
    Small,
    /// 4,096: the block of the file system, and of newer cards.
    Large,
}

impl Sector {
    const fn bytes(self) -> usize {
        match self {
            Self::Small => 512,
            Self::Large => 4096,
        }
    }
}

/// Which of the pending changes are found after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// All: the program was killed, the power stayed.
    None,
    /// None of them: the cache was in memory.
    Everything,
    /// The first so many.
    Prefix(usize),
    /// The last so many.
    Suffix(usize),
    /// Only this one.
    Only(usize),
    /// All but this one.
    Except(usize),
    /// Those before `at`; of that one, some sectors.
    Torn {
        /// Which one.
        at: usize,
        /// The size of what is old or new.
        sector: Sector,
        /// Decides which sectors.
        seed: u64,
    },
    /// Each on its own, or each sector of each.
    Random {
        /// Decides which.
        seed: u64,
        /// How many of 100 survive.
        percent: u64,
        /// Sectors that decide on their own; `None`: whole writes.
        sector: Option<Sector>,
    },
    /// As `Random` by halves, but the lengths of files survive, with zeros.
    Zeros {
        /// Decides which.
        seed: u64,
    },
    /// As `Zeros`, but with what lay on the card before.
    Stale {
        /// Decides which.
        seed: u64,
    },
}

impl Damage {
    /// Some damage, for a walk through many: the same seed is the same damage for ever.
    pub fn of_seed(seed: u64, pending: usize) -> Self {
        let mut dice = Dice::new(seed);
        let at = dice.below(pending as u64) as usize;
        let sector = if dice.chance(70) { Sector::Small } else { Sector::Large };
        match dice.below(16) {
            0 => Self::Everything,
            1 => Self::Prefix(at),
            2 => Self::Suffix(at + 1),
            3 => Self::Only(at),
            4 => Self::Except(at),
            5..=7 => Self::Torn { at, sector, seed: dice.roll() },
            8..=10 => {
                let percent = [10, 50, 90, 98][dice.below(4) as usize];
                Self::Random { seed: dice.roll(), percent, sector: None }
            }
            11..=13 => {
                let percent = [10, 50, 90, 98][dice.below(4) as usize];
                Self::Random { seed: dice.roll(), percent, sector: Some(sector) }
            }
            14 => Self::Zeros { seed: dice.roll() },
            _ => Self::Stale { seed: dice.roll() },
        }
    }

    /// Every damage of the plain kinds for so many pending changes (none, all, each prefix, suffix, only and
    /// except), then `more` of seeds that follow from `seed`.
    pub fn patterns(pending: usize, seed: u64, more: usize) -> impl Iterator<Item = Self> {
        let ends = [Self::Everything, Self::None].into_iter();
        let plain = (0..pending).flat_map(move |at| {
            let is_inside = 0 < at && at < pending;
            [
                is_inside.then_some(Self::Prefix(at)),
                is_inside.then_some(Self::Suffix(at)),
                (pending > 2).then_some(Self::Only(at)),
                (pending > 2).then_some(Self::Except(at)),
            ]
            .into_iter()
            .flatten()
        });
        let mut dice = Dice::new(seed);
        let more = (0..more).map(move |_| Self::of_seed(dice.roll(), pending));
        ends.chain(plain).chain(more)
    }
}

/// What becomes of one pending change.
enum Fate {
    Kept,
    Lost,
    /// Each sector decides on its own.
    Sectors(Sector, u64),
    /// Lost, but the file is as long as it would be.
    Zeros,
    Stale,
}

fn fate(damage: &Damage, at: usize, count: usize) -> Fate {
    let of = |is_kept| if is_kept { Fate::Kept } else { Fate::Lost };
    let dice = |seed: u64| Dice::new(seed ^ (at as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
    match *damage {
        Damage::None => Fate::Kept,
        Damage::Everything => Fate::Lost,
        Damage::Prefix(kept) => of(at < kept),
        Damage::Suffix(kept) => of(at + kept >= count),
        Damage::Only(only) => of(at == only),
        Damage::Except(lost) => of(at != lost),
        Damage::Torn { at: torn, sector, seed } if at == torn => Fate::Sectors(sector, seed),
        Damage::Torn { at: torn, .. } => of(at < torn),
        Damage::Random { seed, percent, sector } => match (dice(seed).chance(percent), sector) {
            (true, _) => Fate::Kept,
            (false, None) => Fate::Lost,
            (false, Some(sector)) => Fate::Sectors(sector, dice(seed).roll()),
        },
        Damage::Zeros { seed } if dice(seed).chance(50) => Fate::Zeros,
        Damage::Stale { seed } if dice(seed).chance(50) => Fate::Stale,
        Damage::Zeros { .. } | Damage::Stale { .. } => Fate::Kept,
    }
}

/// The disk after the cut.
pub(crate) fn crash(platter: &Platter, damage: &Damage) -> Image {
    let mut names = platter.kept_names.clone();
    let mut changed: BTreeMap<FileId, Content> = BTreeMap::new();
    let durable = |file: FileId| {
        platter.files.get(&file).map_or_else(Content::default, |file| file.durable.clone())
    };
    let count = platter.pending.len();
    let mut names_are_kept = true;
    for (at, pending) in platter.pending.iter().enumerate() {
        let fate = fate(damage, at, count);
        let Some(file) = pending.change.file() else {
            // A journal of the file system keeps names in order: behind one that is lost, all are.
            names_are_kept &= matches!(fate, Fate::Kept);
            if names_are_kept {
                pending.change.apply_name(&mut names);
            }
            continue;
        };
        let content = changed.entry(file).or_insert_with(|| durable(file));
        match (&pending.change, fate) {
            (_, Fate::Lost) => {}
            (Change::Write { offset, bytes, .. }, Fate::Sectors(sector, seed)) => {
                tear(content, *offset, bytes, sector, seed);
            }
            (Change::Write { offset, bytes, .. }, Fate::Zeros) => {
                content.grow(offset + bytes.len());
            }
            (Change::Write { offset, bytes, .. }, Fate::Stale) => {
                let start = content.len().max(*offset);
                let end = offset + bytes.len();
                if start < end {
                    content.write(start, &stale(platter, at, end - start));
                }
            }
            (Change::Truncate { .. }, Fate::Zeros | Fate::Stale | Fate::Sectors(..)) => {}
            (change, _) => change.apply(content),
        }
    }
    let files = names.into_iter().map(|(name, file)| {
        let content = changed.get(&file).cloned();
        (name, content.unwrap_or_else(|| durable(file)))
    });
    Image::of(files.collect())
}

/// Writes some sectors.
fn tear(content: &mut Content, offset: usize, bytes: &[u8], sector: Sector, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut done = 0;
    while done < bytes.len() {
        let at = offset + done;
        let part = (sector.bytes() - at % sector.bytes()).min(bytes.len() - done);
        if dice.chance(50) {
            content.write(at, &bytes[done..done + part]);
        }
        done += part;
    }
}

/// What lay on the card before: something else that was written, or noise.
fn stale(platter: &Platter, at: usize, len: usize) -> Vec<u8> {
    let mut dice = Dice::new(at as u64);
    let mut bytes = vec![0; len];
    dice.fill(&mut bytes);
    let other = dice.below(platter.pending.len() as u64) as usize;
    if dice.chance(70)
        && let Change::Write { bytes: old, .. } = &platter.pending[other].change
    {
        for (byte, old) in bytes.iter_mut().zip(old.iter().cycle()) {
            *byte = *old;
        }
    }
    bytes
}
