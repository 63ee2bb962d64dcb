//! A picture of many packs at once: every article in it is counted as one step, and a frame around each pack says
//! what became of it. What carries no frame was not counted; that is what the person checks.
//!
//! The pixels go past the terminal's session, as those of the viewfinder do; here are only the codes and where they
//! stand.

use super::count::of_count_error;
use super::count_scan::{Judged, Uncounted};
use super::intent::View;
use super::screen::{Message, ScanOutcome};
use super::terminal::Terminal;
use super::viewfinder::Corners;
use domain::code::{Code, Meaning};
use domain::count::Counted;
use serde::Serialize;
use store::StoreError;

/// What the aimed camera counted so long before the press stands in the picture too, milliseconds.
const AIMED_MS_MAX: u64 = 10_000;

/// One code of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenCode {
    /// The code.
    pub code: Code,
    /// Where it stands; `None` where nobody knows.
    pub corners: Option<Corners>,
}

/// What was read in a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenPicture {
    /// One entry a pack.
    pub packs: Vec<SeenCode>,
    /// Further codes: second symbols of packs, web addresses.
    pub others: Vec<SeenCode>,
}

/// What became of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackState {
    /// It is on the list.
    Counted,
    /// Nothing here knows it.
    Unknown,
    /// Its last day is over: it must be taken off the shelf.
    Expired,
    /// It is known, and no single pack: a case, a label without a weight.
    Other,
}

/// A frame around a pack, in fractions of the picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PackMark {
    /// What became of it.
    pub state: PackState,
    /// Its corners.
    pub corners: Corners,
}

/// What a picture brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CountPicture {
    /// Frames around packs.
    pub marks: Vec<PackMark>,
    /// Packs that are counted.
    pub counted: u32,
    /// Of them, those that the aimed camera had counted just before: they are not counted twice.
    pub before: u32,
    /// Packs that nothing here knows.
    pub unknown: u32,
    /// Packs whose last day is over.
    pub expired: u32,
    /// Packs that are known and cannot be counted by this code.
    pub other: u32,
}

impl Terminal {
    /// The picture that was asked for.
    pub(super) fn picture_seen(&mut self, seen: &SeenPicture) -> Result<(), StoreError> {
        let Some(asked_ms) = self.count.asked_ms.take() else { return Ok(()) };
        if self.view != View::Count {
            // Nothing is counted behind the back of a person who has left.
            return Ok(());
        }
        let seen = &with_labels(seen);
        let mut judged = Vec::with_capacity(seen.packs.len());
        for pack in &seen.packs {
            judged.push(match self.judge(&pack.code)? {
                Judged::Counts(counted, ..) => Ok(*counted),
                Judged::Not(why, ..) => Err(why),
            });
        }
        for other in &seen.others {
            if matches!(self.judge(&other.code)?, Judged::Not(Uncounted::Expired, ..)) {
                take_out(seen, other, &mut judged);
            }
        }
        let counted: Vec<Counted> = judged.iter().flatten().cloned().collect();
        let (added, before) = self.take_off_aimed(counted, asked_ms);
        let step = match self.count.list.plan_add(&added, self.parts.ids.as_mut()) {
            Ok(step) => step,
            Err(error) => {
                self.outcome(ScanOutcome::Refused);
                self.say(of_count_error(error));
                return Ok(());
            }
        };
        let newest = step.iter().max_by_key(|it| it.after.as_ref().map(|line| line.place));
        let fresh = newest.map(|change| change.line);
        if !step.is_empty() {
            self.keep_step(step)?;
            self.count.fresh = fresh;
        }
        self.count.aimed.clear();
        let picture = shown(seen, &judged, before);
        let is_whole =
            picture.counted > 0 && picture.unknown + picture.expired + picture.other == 0;
        self.outcome(if is_whole { ScanOutcome::Added } else { ScanOutcome::Unknown });
        self.hush();
        if picture.expired > 0 {
            let count = picture.expired.to_string();
            self.say(Message::error("count-picture-expired", &[&count]));
        }
        self.count.picture = Some(picture);
        Ok(())
    }

    /// Aiming at a shelf counts the pack in the middle before the button is pressed; in the picture it must not count
    /// again. What is left to add, and how many are counted already.
    fn take_off_aimed(&self, mut packs: Vec<Counted>, asked_ms: u64) -> (Vec<Counted>, u32) {
        let mut before = 0;
        for (at_ms, aimed) in &self.count.aimed {
            if asked_ms.saturating_sub(*at_ms) > AIMED_MS_MAX {
                continue;
            }
            let is_it =
                |pack: &Counted| pack.article == aimed.article && pack.quantity == aimed.quantity;
            if let Some(at) = packs.iter().position(is_it) {
                packs.remove(at);
                before += 1;
            }
        }
        (packs, before)
    }
}

/// Labels of the shop's own scales have no number that makes them a pack to the reader where articles are seen; here
/// each is one.
fn with_labels(seen: &SeenPicture) -> SeenPicture {
    let is_label = |other: &SeenCode| matches!(other.code.meaning, Meaning::Restricted(_));
    let (labels, others) = seen.others.iter().cloned().partition(is_label);
    let packs = seen.packs.iter().cloned().chain::<Vec<_>>(labels).collect();
    SeenPicture { packs, others }
}

/// Another symbol says that the last day of a pack is over. It belongs to the nearest pack with that number.
fn take_out(seen: &SeenPicture, other: &SeenCode, judged: &mut [Result<Counted, Uncounted>]) {
    let Some(number) = other.code.gtin() else { return };
    let nearest = (seen.packs.iter().enumerate())
        .filter(|(at, pack)| judged[*at].is_ok() && pack.code.gtin() == Some(number))
        .min_by(|(_, a), (_, b)| distance(a, other).total_cmp(&distance(b, other)))
        .map(|(at, _)| at);
    if let Some(at) = nearest {
        judged[at] = Err(Uncounted::Expired);
    }
}

/// How far two codes are apart, squared; far where nobody knows.
fn distance(a: &SeenCode, b: &SeenCode) -> f32 {
    let middle = |code: &SeenCode| {
        let corners = code.corners?;
        let sum = corners.iter().fold((0.0, 0.0), |sum, at| (sum.0 + at.0, sum.1 + at.1));
        Some((sum.0 / 4.0, sum.1 / 4.0))
    };
    match (middle(a), middle(b)) {
        (Some(a), Some(b)) => (a.0 - b.0).powi(2) + (a.1 - b.1).powi(2),
        _ => f32::MAX,
    }
}

fn shown(seen: &SeenPicture, judged: &[Result<Counted, Uncounted>], before: u32) -> CountPicture {
    let mut picture = CountPicture { before, ..CountPicture::default() };
    for (pack, judged) in seen.packs.iter().zip(judged) {
        let (state, count) = match judged {
            Ok(_) => (PackState::Counted, &mut picture.counted),
            Err(Uncounted::Unknown) => (PackState::Unknown, &mut picture.unknown),
            Err(Uncounted::Expired) => (PackState::Expired, &mut picture.expired),
            Err(Uncounted::Other) => (PackState::Other, &mut picture.other),
        };
        *count += 1;
        picture.marks.extend(pack.corners.map(|corners| PackMark { state, corners }));
    }
    picture
}
