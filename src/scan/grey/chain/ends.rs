//! Where a symbol of characters in a row may begin and end on a profile: between two light margins
//! with bars between them, and no light as wide within.

use crate::grey::fit::Pose;
use crate::grey::margin::{Between, MarginFinder};

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
    ends: &mut Vec<Between>,
) {
    let rank = |it: &Between| {
        let is_worth = it.end - it.start > shortest
            && it.quiet > QUIET_OVER_LIGHT_MIN * it.light
            && it.variation > VARIATION_MIN;
        is_worth.then_some(it.quiet)
    };
    margins.between(profile, ENDS_MAX, rank, |_| samples_per_pixel, ends);
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
