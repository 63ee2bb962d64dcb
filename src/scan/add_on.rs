//! When the digits beside a number are believed: votes of lines, counted apart from those of the number.
//!
//! An add-on says which issue of a periodical it is or what a book costs. It never delays, weakens
//! or changes the number: that has its own votes, whatever is seen beside it. Five digits are
//! believed when two lines agree, two digits, of which one pattern in four passes by chance, when
//! three do; and only while no other digits have half as many. Nothing here reads a clock.

use crate::confirm::{Sighting, Sweeping, VOTE_LIFE_MS, VOTE_SPACING, lies_apart, outline_of};
use domain::code::{AddOn, Symbology};

/// What a line saw behind a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beside {
    /// No add-on.
    #[default]
    Nothing,
    /// The line ends before that can be said.
    CutOff,
    /// Bars that begin as an add-on does, and no digits that can be told.
    Unclear,
    /// An add-on.
    Digits(AddOn),
}

impl Beside {
    /// The digits, where there are any.
    pub const fn digits(self) -> Option<AddOn> {
        match self {
            Self::Digits(add_on) => Some(add_on),
            _ => None,
        }
    }
}

/// How many lines must agree.
const fn quorum(add_on: AddOn) -> usize {
    match add_on {
        AddOn::Issue(_) => 3,
        AddOn::Five(_) => 2,
    }
}

/// More claims than this are not weighed at a time, and more lines are not kept for one.
const CLAIMS_MAX: usize = 16;
const LINES_MAX: usize = 24;

/// Digits that lines saw beside a number, or bars that they could not read.
struct Claim {
    symbology: Symbology,
    text: String,
    /// `None`: there are bars.
    add_on: Option<AddOn>,
    /// Lines that count.
    votes: Vec<Sighting>,
    /// Lines of the last sweep.
    lines: Vec<Sighting>,
    sweep: u64,
    /// Whether the lines of a sweep lay far enough apart that they did not leave the bars, all of
    /// them, behind the second of five digits.
    is_spread: bool,
    seen_ms: u64,
}

impl Claim {
    fn is_of(&self, symbology: Symbology, text: &str) -> bool {
        self.symbology == symbology && self.text == text
    }

    fn count(&mut self, sweeping: Sweeping, sighting: &Sighting) {
        self.seen_ms = sweeping.now_ms;
        let middle = sighting.middle();
        let spacing = VOTE_SPACING * sweeping.scale;
        let is_new = self.votes.iter().all(|vote| vote.distance(middle) >= spacing);
        if is_new && self.votes.len() < LINES_MAX {
            self.votes.push(sighting.clone());
        }
        if self.sweep != sweeping.sweep {
            self.lines.clear();
            self.sweep = sweeping.sweep;
        }
        if self.lines.len() < LINES_MAX {
            self.lines.push(sighting.clone());
        }
        let modules = if self.symbology == Symbology::UpcE { 51.0 } else { 95.0 };
        let outline = outline_of(&self.lines);
        self.is_spread = self.is_spread || lies_apart(&outline, modules, sweeping.scale);
    }

    fn is_enough(&self) -> bool {
        self.add_on.is_some_and(|add_on| {
            let is_spread = self.is_spread || matches!(add_on, AddOn::Five(_));
            is_spread && self.votes.len() >= quorum(add_on)
        })
    }
}

/// Gathers votes for add-ons.
#[derive(Default)]
pub struct AddOnBallot {
    claims: Vec<Claim>,
}

impl AddOnBallot {
    /// Counts what one line saw beside the number that it read.
    pub fn count(&mut self, sweeping: Sweeping, sighting: &Sighting) {
        if matches!(sighting.beside, Beside::Nothing | Beside::CutOff) {
            return;
        }
        let add_on = sighting.beside.digits();
        let Sighting { symbology, text, .. } = sighting;
        let is_same = |claim: &Claim| claim.is_of(*symbology, text) && claim.add_on == add_on;
        let index = self.claims.iter().position(is_same).unwrap_or_else(|| {
            if self.claims.len() == CLAIMS_MAX {
                self.claims.remove(0);
            }
            self.claims.push(Claim {
                symbology: *symbology,
                text: text.clone(),
                add_on,
                votes: Vec::new(),
                lines: Vec::new(),
                sweep: sweeping.sweep,
                is_spread: false,
                seen_ms: sweeping.now_ms,
            });
            self.claims.len() - 1
        });
        self.claims[index].count(sweeping, sighting);
    }

    /// The digits beside a number that have their votes and no rival.
    pub fn elected(&self, symbology: Symbology, text: &str) -> Option<AddOn> {
        let claims = || self.claims.iter().filter(|claim| claim.is_of(symbology, text));
        let best =
            claims().filter(|claim| claim.is_enough()).max_by_key(|claim| claim.votes.len())?;
        let is_clear = claims()
            .filter(|claim| claim.add_on.is_some())
            .all(|rival| rival.add_on == best.add_on || 2 * rival.votes.len() < best.votes.len());
        best.add_on.filter(|_| is_clear)
    }

    /// Whether any line saw digits beside a number.
    pub fn has_digits(&self, symbology: Symbology, text: &str) -> bool {
        self.claims.iter().any(|claim| claim.is_of(symbology, text) && claim.add_on.is_some())
    }

    /// The line over a number that saw most beside it: digits, or at least bars.
    pub fn best_line(&self, symbology: Symbology, text: &str) -> Option<&Sighting> {
        let claims = self.claims.iter().filter(|claim| claim.is_of(symbology, text));
        let best = claims.max_by_key(|claim| (claim.add_on.is_some(), claim.votes.len()))?;
        best.votes.last()
    }

    /// Forgets votes that nobody repeated for a while.
    pub fn expire(&mut self, now_ms: u64) {
        self.claims.retain(|claim| now_ms < claim.seen_ms + VOTE_LIFE_MS);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.claims.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Strategy;
    use crate::frame::Point;

    const NUMBER: &str = "9780143007234";

    fn seen(digits: &str, offset: f32, lean: f32) -> Sighting {
        let beside = AddOn::parse(digits).map_or(Beside::Unclear, Beside::Digits);
        let (from, to) = (Point::new(10.0 + lean, offset), Point::new(200.0 + lean, offset));
        Sighting { symbology: Symbology::Ean13, text: NUMBER.into(), from, to, beside }
    }

    fn at(sweep: u64, now_ms: u64) -> Sweeping {
        Sweeping { frame: sweep, sweep, strategy: Strategy::AimRows, now_ms, scale: 1.0 }
    }

    /// One line, one case: digits and offsets of the lines that saw them, what is believed.
    #[test]
    fn lines_must_agree() {
        for (lines, believed) in [
            (&[("51299", 10.0)][..], None),
            (&[("51299", 10.0), ("51299", 11.0)], None),
            (&[("51299", 10.0), ("51299", 12.0)], Some("51299")),
            (&[("06", 10.0), ("06", 12.0)], None),
            (&[("06", 10.0), ("06", 12.0), ("06", 14.0)], Some("06")),
            (&[("51299", 10.0), ("51299", 12.0), ("52299", 14.0)], None),
            (&[("51299", 1.0), ("51299", 3.0), ("51299", 5.0), ("52299", 7.0)], Some("51299")),
            (&[("51299", 1.0), ("51299", 3.0), ("", 5.0), ("", 7.0), ("", 9.0)], Some("51299")),
            (&[("", 5.0), ("", 7.0), ("", 9.0)], None),
        ] {
            let mut ballot = AddOnBallot::default();
            lines
                .iter()
                .for_each(|(digits, at_y)| ballot.count(at(1, 0), &seen(digits, *at_y, 0.0)));
            let elected = ballot.elected(Symbology::Ean13, NUMBER).map(|it| it.to_string());
            assert_eq!(elected.as_deref(), believed, "{lines:?}");
            assert_eq!(ballot.elected(Symbology::UpcA, NUMBER), None, "another symbol");
            let has_digits = lines.iter().any(|(digits, _)| !digits.is_empty());
            assert_eq!(ballot.has_digits(Symbology::Ean13, NUMBER), has_digits);
            assert!(ballot.best_line(Symbology::Ean13, NUMBER).is_some());
        }
    }

    /// Slanted lines that all leave the bars behind the second of five digits; and such as see their
    /// ends, near enough to each other and far enough.
    #[test]
    fn two_digits_are_believed_on_lines_far_enough_apart_for_how_they_lean() {
        for (step, lean, is_believed) in
            [(2.0, 2.0, false), (5.0, 5.0, true), (2.0, 0.1, true), (2.0, 0.0, true)]
        {
            let mut ballot = AddOnBallot::default();
            for line in 0..3 {
                let line = line as f32;
                ballot.count(at(1, 0), &seen("06", line * step, line * lean));
            }
            let elected = ballot.elected(Symbology::Ean13, NUMBER);
            assert_eq!(elected.is_some(), is_believed, "{step} {lean}");
        }
    }

    #[test]
    fn votes_are_forgotten_and_bounded() {
        let mut ballot = AddOnBallot::default();
        ballot.count(at(1, 100), &seen("51299", 1.0, 0.0));
        ballot.expire(599);
        ballot.count(at(2, 600), &seen("51299", 4.0, 0.0));
        assert!(ballot.elected(Symbology::Ean13, NUMBER).is_some(), "frames vote together");
        ballot.expire(1100);
        assert!(!ballot.has_digits(Symbology::Ean13, NUMBER));
        for value in 0..200 {
            ballot.count(at(3, 1100), &seen(&format!("{value:05}"), value as f32, 0.0));
        }
        assert_eq!(ballot.claims.len(), CLAIMS_MAX);
    }
}
