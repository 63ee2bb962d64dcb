//! Where a symbol of characters in a row may begin and end on a profile: between two light margins
//! with bars between them, and no light as wide within.

use crate::grey::fit::Pose;
use crate::grey::margin::MarginFinder;

/// Levels of darkness, of the contrast around, at which a symbol may begin.
const LEVELS: [f32; 2] = [0.3, 0.15];
/// The narrower margin over the widest light between them: ten modules are demanded, and four with
/// bars that blur ate beside them are the widest within a symbol.
const QUIET_OVER_LIGHT_MIN: f32 = 0.7;
/// Ups and downs of the profile from end to end, in contrasts: of ten bars at least blur leaves the
/// wide ones.
const VARIATION_MIN: f32 = 4.0;
/// Pairs of ends that are looked at.
const ENDS_MAX: usize = 4;
/// Spots that are kept.
pub(in crate::grey) const SPOTS_MAX: usize = 8;

/// Where a symbol may begin and end.
#[derive(Clone, Copy)]
pub(in crate::grey) struct Ends {
    pub(in crate::grey) start: f32,
    pub(in crate::grey) end: f32,
    /// The narrower margin.
    pub(in crate::grey) quiet: f32,
    pub(in crate::grey) variation: f32,
}

impl Ends {
    /// Where they lie on a profile with so many samples that may be read backwards.
    pub(in crate::grey) fn on(&self, length: usize, is_mirrored: bool) -> (f32, f32) {
        let last = (length - 1) as f32;
        if is_mirrored { (last - self.end, last - self.start) } else { (self.start, self.end) }
    }
}

/// A place where a symbol may lie.
#[derive(Clone, Copy, Debug)]
pub(in crate::grey) struct Spot {
    pub(in crate::grey) pose: Pose,
    pub(in crate::grey) style: usize,
    /// Characters between what is always there.
    pub(in crate::grey) count: usize,
    pub(in crate::grey) is_mirrored: bool,
    pub(in crate::grey) likeness: f32,
    pub(in crate::grey) look: usize,
    /// How large its first modules are against the mean.
    pub(in crate::grey) slant: f32,
    /// Grey values between light and dark at the ends.
    pub(in crate::grey) contrast: f32,
}

/// Fills `ends` with those between the widest margins, the widest first. A symbol has `shortest`
/// samples at least.
pub(in crate::grey) fn find(
    margins: &mut MarginFinder,
    profile: &[f32],
    samples_per_pixel: f32,
    shortest: f32,
    ends: &mut Vec<Ends>,
) {
    ends.clear();
    for level in LEVELS {
        margins.split(profile, profile.len() / 6, level);
        let runs = margins.edges.len() - 1;
        for left in (0..runs).step_by(2) {
            let mut widest = 0.0f32;
            for right in (left + 2..runs).step_by(2) {
                if right > left + 2 {
                    widest = widest.max(margins.width(right - 2));
                }
                let (start, end) = (margins.edges[left + 1], margins.edges[right]);
                let quiet = margins.width(left).min(margins.width(right));
                let variation = margins.variation[right] - margins.variation[left + 1];
                if end - start > shortest
                    && quiet > QUIET_OVER_LIGHT_MIN * widest
                    && variation > VARIATION_MIN
                {
                    ends.push(Ends { start, end, quiet, variation });
                }
            }
        }
    }
    ends.sort_by(|a, b| b.quiet.total_cmp(&a.quiet));
    let mut kept = 0;
    for index in 0..ends.len() {
        let it = ends[index];
        let near = samples_per_pixel;
        let is_twin = |known: &Ends| {
            (known.start - it.start).abs() < near && (known.end - it.end).abs() < near
        };
        if kept < ENDS_MAX && !ends[..kept].iter().any(is_twin) {
            ends[kept] = it;
            kept += 1;
        }
    }
    ends.truncate(kept);
}

/// Inserts by likeness, one for each place; two places with one module between them are one.
pub(in crate::grey) fn keep(spots: &mut Vec<Spot>, spot: Spot, module: f32) {
    let is_twin = |known: &Spot| {
        known.is_mirrored == spot.is_mirrored
            && known.count == spot.count
            && known.style == spot.style
            && (known.pose.at(-1.0) - spot.pose.at(-1.0)).abs() < module
            && (known.pose.at(1.0) - spot.pose.at(1.0)).abs() < module
    };
    if let Some(twin) = spots.iter().position(is_twin) {
        if spots[twin].likeness >= spot.likeness {
            return;
        }
        spots.remove(twin);
    }
    let at = spots.partition_point(|known| known.likeness >= spot.likeness);
    spots.insert(at, spot);
    spots.truncate(SPOTS_MAX);
}
