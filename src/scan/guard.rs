//! When a believed code rings: once while it stays, once for all the codes of one article, and not
//! for the web address printed beside it.
//!
//! ```text
//! same text, or same article number in another symbol   silent while it is seen, see [`PackCodes`]
//! a web address that means nothing here                 waits; silent if an article is near in time
//! anything else                                         rings
//! ```
//! Pure: time comes as a number. An advertisement that is alone before the camera rings after its
//! wait, since somebody shows it on purpose.

use crate::decode::is_matrix;
use domain::code::{Code, Meaning, Symbology};
use domain::gtin::Gtin;

/// What becomes of a code that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It rings.
    Rings,
    /// It stands on the pack that just rang by another symbol and says more than its number, such as a date. Told
    /// once.
    Adds,
    /// It rings when [`Guard::take_due`] gives it back, unless a matrix code of the same article rings before.
    Waits,
    /// Nothing is said: it was seen already, or an article is near.
    Silent,
}

/// What becomes of several symbols of one pack, bars with its number and dots with its date, lot, serial number or
/// weight. It rings once in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PackCodes {
    /// The first that is read; the others are not looked for.
    First,
    /// The matrix code: bars wait a moment for it, and ring where there is none.
    PreferMatrix,
    /// The first rings, and what another says more is told.
    #[default]
    All,
}

impl PackCodes {
    /// All of them, with their names on the command line.
    pub const NAMES: [(&'static str, Self); 3] =
        [("first", Self::First), ("prefer-2d", Self::PreferMatrix), ("all", Self::All)];
}

/// There are no such [`PackCodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is `first`, `prefer-2d` or `all`")]
pub struct NoPackCodes;

impl std::str::FromStr for PackCodes {
    type Err = NoPackCodes;

    fn from_str(name: &str) -> Result<Self, NoPackCodes> {
        let named = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        named.map(|(_, codes)| codes).ok_or(NoPackCodes)
    }
}

/// How long a web address waits for an article beside it.
const WAIT_MS: u64 = 700;
/// How long bars wait for the matrix code of their pack at least, and so many looks, but no longer than that: a slow
/// device looks seldom.
const PREFER_MS: u64 = 350;
const PREFER_LOOKS: u32 = 6;
const PREFER_MS_MAX: u64 = 800;
/// Web addresses that are remembered at a time.
const ASIDE_MAX: usize = 8;

/// A web address that waits, or that was put aside for as long as it is seen.
#[derive(Debug)]
struct Aside {
    text: String,
    first_ms: u64,
    seen_ms: u64,
    is_silenced: bool,
}

/// Bars that wait for a matrix code of their pack.
#[derive(Debug)]
struct Waiting {
    code: Code,
    since_ms: u64,
    looks: u32,
}

/// Decides which codes ring.
#[derive(Debug)]
pub struct Guard {
    filter: RepeatFilter,
    pack_codes: PackCodes,
    waiting: Vec<Waiting>,
    asides: Vec<Aside>,
    /// Article numbers, in what symbols they were seen, and when.
    articles: Vec<(String, Symbology, u64)>,
    /// What was added to which of them, so that it is told once while the article stays.
    added: Vec<(String, String)>,
    /// When an article was seen last, whether it rang or not.
    article_ms: Option<u64>,
}

impl Guard {
    /// A guard that keeps the same code silent for `window_ms` after it was last seen.
    pub const fn new(window_ms: u64) -> Self {
        let filter = RepeatFilter::new(window_ms);
        Self {
            filter,
            pack_codes: PackCodes::All,
            waiting: Vec::new(),
            asides: Vec::new(),
            articles: Vec::new(),
            added: Vec::new(),
            article_ms: None,
        }
    }

    /// The same with another rule for several symbols of one pack.
    pub fn with_pack_codes(self, pack_codes: PackCodes) -> Self {
        Self { pack_codes, ..self }
    }

    /// Bars that waited long enough for a matrix code: they ring now. Asked after each look, and now and then where
    /// no frames come.
    pub fn take_due(&mut self, now_ms: u64) -> Vec<Code> {
        let is_due = |bars: &mut Waiting| {
            bars.looks += 1;
            let waited_ms = now_ms.saturating_sub(bars.since_ms);
            waited_ms >= PREFER_MS_MAX || (waited_ms >= PREFER_MS && bars.looks > PREFER_LOOKS)
        };
        self.waiting.extract_if(.., is_due).map(|bars| bars.code).collect()
    }

    /// Takes bars with that number back, which then do not ring; whether there were any.
    pub fn take_back(&mut self, gtin: Gtin) -> bool {
        let known = self.waiting.len();
        self.waiting.retain(|bars| bars.code.gtin() != Some(gtin));
        self.waiting.len() < known
    }

    /// Whether these bars wait for a matrix code.
    pub fn waits(&self, code: &Code) -> bool {
        self.waiting.iter().any(|bars| bars.code == *code)
    }

    /// Has seen a code that somebody took in another way: it is silent while it stays.
    pub fn silence(&mut self, code: &Code, now_ms: u64, window_ms: u64) {
        self.admit(code, now_ms, window_ms);
        if let Some(gtin) = code.gtin() {
            self.take_back(gtin);
        }
    }

    /// What becomes of a code seen at `now_ms`. `window_ms` is how long the same code stays silent,
    /// not longer than the guard's own.
    pub fn admit(&mut self, code: &Code, now_ms: u64, window_ms: u64) -> Admission {
        if is_advertisement(code) {
            let is_meant = self.admits_aside(code, now_ms);
            return Admission::of(is_meant && self.admits_text(code, now_ms, window_ms));
        }
        let Some(gtin) = code.gtin() else {
            return Admission::of(self.admits_text(code, now_ms, window_ms));
        };
        self.article_ms = Some(now_ms);
        let is_elsewhere = self.is_elsewhere(gtin.to_gtin14(), code.symbology, now_ms, window_ms);
        // Asked in any case: being seen prolongs the silence.
        let is_new = self.admits_text(code, now_ms, window_ms);
        let admission = self.weigh(code, gtin.to_gtin14(), is_new, is_elsewhere);
        match self.pack_codes {
            PackCodes::PreferMatrix => self.prefer_matrix(code, gtin, admission, now_ms),
            PackCodes::First | PackCodes::All => admission,
        }
    }

    /// Bars that would ring wait; a matrix code of their article takes their place.
    fn prefer_matrix(
        &mut self,
        code: &Code,
        gtin: Gtin,
        admission: Admission,
        now_ms: u64,
    ) -> Admission {
        if is_matrix(code.symbology) {
            return if self.take_back(gtin) { Admission::Rings } else { admission };
        }
        // Bars that say more than their number, such as a weight, are as good as dots.
        if admission != Admission::Rings || says_more(code) {
            return admission;
        }
        self.waiting.push(Waiting { code: code.clone(), since_ms: now_ms, looks: 0 });
        Admission::Waits
    }

    /// The same for a hand scanner, whose trigger is meant each time: only its bounce of `bounce_ms`
    /// is silent. A web address beside no article rings at once, so that somebody hears what it is;
    /// another symbol of an article that was just read is the same pack all the same.
    pub fn admit_meant(&mut self, code: &Code, now_ms: u64, bounce_ms: u64) -> Admission {
        let life_ms = self.filter.window_ms;
        if is_advertisement(code) {
            let near = |at_ms: u64| at_ms <= now_ms && now_ms - at_ms < life_ms;
            let has_article = self.article_ms.is_some_and(near);
            return Admission::of(self.admits_text(code, now_ms, bounce_ms) && !has_article);
        }
        let Some(gtin) = code.gtin() else {
            return Admission::of(self.admits_text(code, now_ms, bounce_ms));
        };
        self.article_ms = Some(now_ms);
        let is_elsewhere = self.is_elsewhere(gtin.to_gtin14(), code.symbology, now_ms, life_ms);
        let is_new = self.admits_text(code, now_ms, bounce_ms);
        let admission = self.weigh(code, gtin.to_gtin14(), is_new, is_elsewhere);
        // It rings in place of bars that the camera saw and that still wait.
        if self.take_back(gtin) { Admission::Rings } else { admission }
    }

    /// What becomes of an article's code that is new to the filter, and is or is not another symbol of one that rang.
    fn weigh(
        &mut self,
        code: &Code,
        number: String,
        is_new: bool,
        is_elsewhere: bool,
    ) -> Admission {
        let says_more = says_more(code);
        self.added.retain(|(known, _)| self.articles.iter().any(|(seen, ..)| seen == known));
        let is_told = self.added.iter().any(|(known, text)| *known == number && *text == code.text);
        // What rang said all of it.
        if says_more && !is_told {
            if self.added.len() == SEEN_MAX {
                self.added.remove(0);
            }
            self.added.push((number, code.text.clone()));
        }
        if !is_elsewhere || !says_more || self.pack_codes == PackCodes::First {
            return Admission::of(is_new && !is_elsewhere);
        }
        if is_told { Admission::Silent } else { Admission::Adds }
    }

    /// Whether another symbol just carried the same article number. Two symbols of one kind are two
    /// packs: their serial numbers differ.
    fn is_elsewhere(
        &mut self,
        number: String,
        symbology: Symbology,
        now_ms: u64,
        window_ms: u64,
    ) -> bool {
        let life_ms = self.filter.window_ms;
        self.articles.retain(|(.., seen_ms)| *seen_ms <= now_ms && now_ms - seen_ms < life_ms);
        let is_other = |(known, kind, seen_ms): &(String, Symbology, u64)| {
            *known == number && *kind != symbology && now_ms - seen_ms < window_ms
        };
        let is_elsewhere = self.articles.iter().any(is_other);
        self.articles.retain(|(known, kind, _)| *known != number || *kind != symbology);
        if self.articles.len() == SEEN_MAX {
            self.articles.remove(0);
        }
        self.articles.push((number, symbology, now_ms));
        is_elsewhere
    }

    fn admits_text(&mut self, code: &Code, now_ms: u64, window_ms: u64) -> bool {
        self.filter.admits_after(code.symbology, &code.text, now_ms, window_ms)
    }

    fn admits_aside(&mut self, code: &Code, now_ms: u64) -> bool {
        let life_ms = self.filter.window_ms;
        let is_alive = |aside: &Aside| {
            aside.seen_ms <= now_ms && now_ms - aside.seen_ms < life_ms.max(WAIT_MS)
        };
        self.asides.retain(is_alive);
        let near = |at_ms: u64| at_ms <= now_ms && now_ms - at_ms < life_ms;
        let has_article = self.article_ms.is_some_and(near);
        let known = self.asides.iter_mut().find(|aside| aside.text == code.text);
        if let Some(aside) = known {
            aside.seen_ms = now_ms;
            aside.is_silenced |= has_article;
            return !aside.is_silenced && now_ms - aside.first_ms >= WAIT_MS;
        }
        if self.asides.len() == ASIDE_MAX {
            self.asides.remove(0);
        }
        let text = code.text.clone();
        let (first_ms, seen_ms) = (now_ms, now_ms);
        self.asides.push(Aside { text, first_ms, seen_ms, is_silenced: has_article });
        false
    }
}

impl Admission {
    const fn of(rings: bool) -> Self {
        if rings { Self::Rings } else { Self::Silent }
    }
}

/// Whether a code says more than the number of an article.
pub(crate) fn says_more(code: &Code) -> bool {
    matches!(&code.meaning, Meaning::Gs1(elements) if elements.elements().len() > 1)
}

/// A web address in a matrix code that no rule of ours gives a meaning.
pub(crate) fn is_advertisement(code: &Code) -> bool {
    let is_plain = matches!(code.symbology, Symbology::QrCode | Symbology::DataMatrix);
    let is_address = ["http://", "https://"].iter().any(|scheme| {
        code.text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    is_plain && is_address && matches!(code.meaning, Meaning::Unknown)
}

/// Lets a code through once while it stays before the camera.
///
/// The same text within `window_ms` of its last sighting is silent; after that it counts again.
#[derive(Debug)]
pub struct RepeatFilter {
    window_ms: u64,
    seen: Vec<(Symbology, String, u64)>,
}

/// Texts that are remembered at a time: as many as one picture shows.
const SEEN_MAX: usize = 64;

impl RepeatFilter {
    /// The usual guard against ringing an article twice.
    pub const WINDOW_MS: u64 = 1200;

    /// A filter with its own window.
    pub const fn new(window_ms: u64) -> Self {
        Self { window_ms, seen: Vec::new() }
    }

    /// Whether this read counts. A read that does not count prolongs the silence.
    pub fn admits(&mut self, symbology: Symbology, text: &str, now_ms: u64) -> bool {
        self.admits_after(symbology, text, now_ms, self.window_ms)
    }

    /// The same with another window for this one read, not longer than the filter's own.
    pub fn admits_after(
        &mut self,
        symbology: Symbology,
        text: &str,
        now_ms: u64,
        window_ms: u64,
    ) -> bool {
        // A clock that ran backwards makes an old sighting of a new one, never a long silence.
        let life_ms = self.window_ms;
        self.seen.retain(|(_, _, seen_ms)| *seen_ms <= now_ms && now_ms - seen_ms < life_ms);
        let known = self.seen.iter_mut().find(|(s, t, _)| *s == symbology && t == text);
        if let Some((_, _, seen_ms)) = known {
            let is_repeat = now_ms - *seen_ms < window_ms;
            *seen_ms = now_ms;
            return !is_repeat;
        }
        if self.seen.len() == SEEN_MAX {
            self.seen.remove(0);
        }
        self.seen.push((symbology, text.to_owned(), now_ms));
        true
    }
}

impl Default for RepeatFilter {
    fn default() -> Self {
        Self::new(Self::WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// One line, one case: text, time, counts or not.
    #[test]
    fn a_code_counts_once_while_it_stays() {
        let mut filter = RepeatFilter::default();
        for (text, now_ms, counts) in [
            ("a", 0, true),
            ("a", 300, false),
            ("b", 400, true),
            ("a", 1400, false),
            ("a", 2599, false),
            ("a", 3799, true),
            ("a", 100, true),
        ] {
            assert_eq!(filter.admits(Symbology::Ean13, text, now_ms), counts, "{text} {now_ms}");
        }
        assert!(filter.admits(Symbology::QrCode, "a", 100), "another symbol");
    }

    /// One line, one case: symbology, text, time, rings or not.
    #[test]
    fn one_article_rings_once_and_its_advertisement_not_at_all() {
        use Admission::{Adds, Rings, Silent};
        let link = "https://id.example/01/04006381333931/10/ABC";
        let shop = "https://win.example/holiday";
        let mut guard = Guard::new(RepeatFilter::WINDOW_MS);
        for (symbology, text, now_ms, expected) in [
            (Symbology::QrCode, shop, 0, Silent),
            (Symbology::Ean13, "4006381333931", 100, Rings),
            (Symbology::QrCode, link, 200, Adds),
            (Symbology::QrCode, link, 250, Silent),
            (Symbology::QrCode, shop, 300, Silent),
            (Symbology::QrCode, shop, 900, Silent),
            (Symbology::DataBar, "0104006381333931", 1000, Silent),
            (Symbology::Ean13, "9521234543213", 1100, Rings),
            (Symbology::QrCode, shop, 1600, Silent),
            // Alone before the camera, it is meant.
            (Symbology::QrCode, shop, 5000, Silent),
            (Symbology::QrCode, shop, 5400, Silent),
            (Symbology::QrCode, shop, 5700, Rings),
            (Symbology::QrCode, shop, 5900, Silent),
            (Symbology::QrCode, "a customer's card", 6000, Rings),
            // Two packs of one article, told apart by their serial numbers.
            (Symbology::Gs1DataMatrix, "010400638133393121A", 9000, Rings),
            (Symbology::Gs1DataMatrix, "010400638133393121B", 9100, Rings),
        ] {
            let code = Code::new(symbology, text);
            let window_ms = RepeatFilter::WINDOW_MS;
            let admission = guard.admit(&code, now_ms, window_ms);
            assert_eq!(admission, expected, "{text} {now_ms}");
        }
    }

    /// Reading guide: the rule, then symbology, text, time and what becomes of each; then who rings late, and when.
    #[test]
    fn several_symbols_of_a_pack_ring_once_by_any_rule() {
        use Admission::{Adds, Rings, Silent, Waits};
        use PackCodes::{All, First, PreferMatrix};
        let bars = (Symbology::Ean13, "4006381333931");
        let plain = (Symbology::DataMatrix, "https://id.example/01/04006381333931");
        let dated = (Symbology::Gs1DataMatrix, "010400638133393117261231");
        let other = (Symbology::Ean13, "9521234543213");
        let lot = (Symbology::DataBarExpanded, "010400638133393110AB12");
        for (rule, seen, late) in [
            (First, vec![(bars, 0, Rings), (dated, 100, Silent), (bars, 200, Silent)], vec![]),
            (First, vec![(dated, 0, Rings), (bars, 100, Silent)], vec![]),
            (All, vec![(bars, 0, Rings), (dated, 100, Adds), (dated, 200, Silent)], vec![]),
            (All, vec![(dated, 0, Rings), (bars, 100, Silent), (dated, 200, Silent)], vec![]),
            (All, vec![(bars, 0, Rings), (plain, 100, Silent)], vec![]),
            (
                PreferMatrix,
                vec![(bars, 0, Waits), (dated, 300, Rings), (bars, 400, Silent)],
                vec![],
            ),
            (
                PreferMatrix,
                vec![(bars, 0, Waits), (plain, 300, Rings), (bars, 900, Silent)],
                vec![],
            ),
            (
                PreferMatrix,
                vec![(dated, 0, Rings), (bars, 100, Silent), (bars, 900, Silent)],
                vec![],
            ),
            (PreferMatrix, vec![(bars, 0, Waits), (bars, 300, Silent)], vec![(bars, 350)]),
            (PreferMatrix, vec![(lot, 0, Rings), (plain, 100, Silent)], vec![]),
            // The date came too late to ring, and is told.
            (PreferMatrix, vec![(bars, 0, Waits), (dated, 500, Adds)], vec![(bars, 350)]),
            (
                PreferMatrix,
                vec![(bars, 0, Waits), (other, 200, Waits)],
                vec![(bars, 350), (other, 550)],
            ),
        ] {
            let window_ms = RepeatFilter::WINDOW_MS;
            let mut guard = Guard::new(window_ms).with_pack_codes(rule);
            let mut rang = Vec::new();
            for now_ms in (0..1500).step_by(50) {
                let due = guard.take_due(now_ms);
                rang.extend(due.into_iter().map(|code| (code.symbology, code.text, now_ms)));
                for ((symbology, text), at_ms, expected) in &seen {
                    if *at_ms == now_ms {
                        let admission =
                            guard.admit(&Code::new(*symbology, *text), now_ms, window_ms);
                        assert_eq!(admission, *expected, "{rule:?} {seen:?} {text} {now_ms}");
                    }
                }
            }
            let late: Vec<_> =
                late.into_iter().map(|((kind, text), ms)| (kind, text.to_owned(), ms)).collect();
            assert_eq!(rang, late, "{rule:?} {seen:?}");
        }
    }

    /// What a hand scanner reads, or a picture shows, is not rung once more by bars that wait.
    #[test]
    fn what_was_taken_in_another_way_waits_no_longer() {
        let window_ms = RepeatFilter::WINDOW_MS;
        let bars = Code::new(Symbology::Ean13, "4006381333931");
        let dots = Code::new(Symbology::Gs1DataMatrix, "010400638133393117261231");
        for scanned in [Some(&bars), Some(&dots), None] {
            let mut guard = Guard::new(window_ms).with_pack_codes(PackCodes::PreferMatrix);
            assert_eq!(guard.admit(&bars, 0, window_ms), Admission::Waits);
            match scanned {
                Some(code) => assert_eq!(guard.admit_meant(code, 100, 250), Admission::Rings),
                None => guard.silence(&dots, 100, window_ms),
            }
            let late = (150..3000).step_by(50).flat_map(|now_ms| guard.take_due(now_ms));
            assert_eq!(late.count(), 0, "{scanned:?}");
        }
    }

    #[test]
    fn rules_have_names() {
        for (name, rule) in PackCodes::NAMES {
            assert_eq!(name.parse(), Ok(rule));
        }
        assert_eq!("2d".parse::<PackCodes>(), Err(NoPackCodes));
    }

    /// One line, one case: digits beside the number, when, whether it rings.
    #[test]
    fn a_number_is_the_same_with_and_without_its_add_on() {
        let mut guard = Guard::new(RepeatFilter::WINDOW_MS);
        for (add_on, now_ms, rings) in [
            (None, 0, true),
            (Some("06"), 200, false),
            (None, 400, false),
            (Some("06"), 1800, true),
        ] {
            let code = Code::new(Symbology::Ean13, "9772049363002")
                .beside(add_on.and_then(domain::code::AddOn::parse));
            let admission = guard.admit(&code, now_ms, RepeatFilter::WINDOW_MS);
            assert_eq!(admission == Admission::Rings, rings, "{now_ms}");
        }
        // The same from a hand scanner, which sends both in one.
        let code = Code::new(Symbology::Ean13, "977204936300206");
        assert_eq!(guard.admit(&code, 1900, RepeatFilter::WINDOW_MS), Admission::Silent);
    }

    proptest! {
        /// Never twice within the window of the last sighting, always again after it.
        #[test]
        fn the_guard_holds(gaps in prop::collection::vec(0u64..3000, 1..50)) {
            let mut filter = RepeatFilter::default();
            let mut now_ms = 0;
            prop_assert!(filter.admits(Symbology::Ean13, "x", now_ms));
            for gap in gaps {
                now_ms += gap;
                let counts = filter.admits(Symbology::Ean13, "x", now_ms);
                prop_assert_eq!(counts, gap >= RepeatFilter::WINDOW_MS);
            }
        }
    }
}
