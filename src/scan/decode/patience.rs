//! How a still is looked at: everything there is, the likely first, within its two seconds.
//!
//! ```text
//! of a large picture: bars and patches at its full size
//!   -> of what bars are searched in, smaller or the same: matrix codes, whole and in patches
//!   -> bars at their angle -> rows, columns, diagonals
//!   and only while nothing is read: inverted bars, matrix codes that are not flat, grey profiles,
//!   other angles, averaged lines
//!   and where something is: the same for places beside it (`several`)
//! and last, where bars follow a number that was read: its add-on
//! ```

use super::matrix::STILL_PATTERNS_MAX;
use super::several::{is_known, is_stack};
use super::{Bundle, Decoder, LEVELS, Manner, MatrixLook, Rake, Shot, grey_place, manner};
use super::{Level, Look};
use crate::confirm::{NearMiss, Read};
use crate::evidence::Strategy;
use crate::grey;
use crate::locate::{Bars, Patch};
use domain::code::Symbology;

/// The longest side of a picture that matrix readers are given: their time goes with its pixels.
const SIDE_MAX: usize = 1400;
/// Bars that are read by their grey profile, beside those that its own search finds.
const GREY_BARS_MAX: usize = 6;
/// Places of each kind that are looked at while nothing is read: where one code is, there may be more.
const PLACES_MAX: usize = 12;

impl Decoder {
    pub(super) fn study_at(&mut self, shot: &Shot<'_>) -> Vec<Read> {
        let mut reads = Vec::new();
        self.study_finely(shot, &mut reads);
        if shot.is_late() {
            return reads;
        }
        self.locator.survey(&shot.picture, shot.aim());
        self.study_matrix(shot, &mut reads);
        self.study_bars(shot, &mut reads);
        self.study_upright(shot, &mut reads);
        let dear = [
            Self::study_inverted,
            Self::study_turned,
            Self::study_bent,
            Self::study_turned_bent,
            Self::study_grey,
            Self::study_slanted,
        ];
        for study in dear {
            if !reads.is_empty() || shot.is_late() {
                break;
            }
            study(self, shot, &mut reads);
        }
        self.study_others(shot, &mut reads);
        self.study_beside(shot, &mut reads);
        reads
    }

    /// Light bars on dark, where bars were found.
    fn study_inverted(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        for index in 0..self.locator.bars().len().min(PLACES_MAX) {
            let bars = self.locator.bars()[index];
            for level in LEVELS {
                let inverted = Manner { is_inverted: true, ..manner(level, 0.0) };
                let strategy = Strategy::Inverted;
                let bundle = Bundle { lines: 24, manner: inverted, turn: 0.0, strategy };
                self.read_bars(shot, &bars, bundle);
            }
            self.elect(shot, reads);
            if shot.is_late() {
                return;
            }
        }
    }

    /// Bars that are too blurred to have edges, where either finder sees them: as they are, and at
    /// half the size, where noise and the rows of a moving picture are averaged away.
    fn study_grey(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        let options = &self.options;
        if !options.wants_articles()
            && !options.wants(Symbology::DataBar)
            && !options.wants(Symbology::Itf14)
            && !options.wants_code128()
        {
            return;
        }
        self.study_grey_at(shot, shot.scale, reads);
        if !reads.is_empty() || shot.is_late() {
            return;
        }
        let mut half = std::mem::take(&mut self.patch);
        shot.picture.shrunk_into(2, &mut half);
        if let Some(picture) = half.view() {
            let smaller = Shot { picture, scale: shot.scale * 2.0, ..*shot };
            self.study_grey_at(&smaller, shot.scale, reads);
        }
        self.patch = half;
    }

    fn study_grey_at(&mut self, shot: &Shot<'_>, picture_scale: f32, reads: &mut Vec<Read>) {
        let mut places = std::mem::take(&mut self.grey_places);
        places.clear();
        self.grey.get_or_insert_with(Box::default).find(&shot.picture, &mut places);
        // What only the locator sees; it looked at the whole picture.
        let down = picture_scale / shot.scale;
        for bars in self.locator.bars().iter().take(GREY_BARS_MAX) {
            let place = grey_place(bars).scaled(down);
            if !places.iter().any(|known| known.is_like(&place)) {
                places.push(place);
            }
        }
        // Every place as a whole before any is looked at band by band.
        let bands = places.iter().flat_map(|place| place.bands().into_iter().enumerate());
        let mut order: Vec<(usize, grey::Candidate)> = bands.collect();
        order.sort_by_key(|(band, _)| (*band).min(1));
        for (band, place) in order {
            if !reads.is_empty() || shot.is_late() {
                break;
            }
            let effort = if band == 0 { grey::Effort::Whole } else { grey::Effort::Thorough };
            self.read_grey(shot, &place, effort);
            self.elect(shot, reads);
        }
        self.grey_places = places;
    }

    /// Bars that were found, at their angle.
    pub(super) fn study_bars(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        for index in 0..self.locator.bars().len() {
            let bars = self.locator.bars()[index];
            if is_known(reads, bars.middle.scaled(shot.scale)) {
                continue;
            }
            if shot.is_late() || (index >= PLACES_MAX && reads.is_empty()) {
                return;
            }
            let mut has_rows = false;
            for (thickness, turn) in [(0.0, 0.0), (1.5, 0.0), (1.0, 3.0), (1.0, -3.0)] {
                has_rows |= self.study_bundle(shot, &bars, thickness, turn);
            }
            self.elect_copies(shot, reads);
            if has_rows {
                self.study_rows(shot, &bars, reads);
            }
            let place = bars.scaled(shot.scale);
            // More lines over a part of a longer symbol would only find more votes for a short one.
            let is_near =
                |miss: NearMiss| !miss.is_short && place.contains(miss.from.middle(miss.to));
            if is_stack(&place, reads) || self.ballot.near_miss().is_some_and(is_near) {
                for turn in [0.7, -0.7, 1.5, -1.5] {
                    self.study_bundle(shot, &bars, 0.0, turn);
                }
                self.elect_copies(shot, reads);
            }
        }
    }

    /// Lines over bars at both levels; whether they saw rows of a stacked symbol.
    fn study_bundle(&mut self, shot: &Shot<'_>, bars: &Bars, thickness: f32, turn: f32) -> bool {
        let strategy = Strategy::Located;
        let mut has_rows = false;
        for level in LEVELS {
            let manner = manner(level, thickness);
            self.read_bars(shot, bars, Bundle { lines: 24, manner, turn, strategy });
            has_rows |= self.linear.has_rows();
        }
        has_rows
    }

    fn study_upright(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        for (degrees, lines) in UPRIGHT {
            if shot.is_late() {
                return;
            }
            self.rake_levels(shot, degrees, lines, 0.0);
            self.elect(shot, reads);
        }
    }

    fn study_slanted(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        let slanted =
            [15.0, 165.0, 30.0, 150.0, 75.0, 105.0, 60.0, 120.0].map(|degrees| (degrees, 64.0));
        for thickness in [0.0, 1.0] {
            for (degrees, lines) in slanted.into_iter().chain(UPRIGHT) {
                if !reads.is_empty() || shot.is_late() {
                    return;
                }
                self.rake_levels(shot, degrees, lines, thickness);
                self.elect(shot, reads);
            }
        }
        let mut inverted = manner(Level::Envelope, 0.0);
        inverted.is_inverted = true;
        for (degrees, lines) in UPRIGHT {
            if !reads.is_empty() || shot.is_late() {
                return;
            }
            let strategy = Strategy::Inverted;
            self.rake(shot, Rake { degrees, lines, manner: inverted, strategy });
            self.elect(shot, reads);
        }
    }

    fn rake_levels(&mut self, shot: &Shot<'_>, degrees: f32, lines: f32, thickness: f32) {
        for level in LEVELS {
            let manner = manner(level, thickness);
            self.rake(shot, Rake { degrees, lines, manner, strategy: Strategy::Sweep });
        }
    }

    /// Matrix codes that are not flat, in the whole picture and where dots are.
    fn study_bent(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        /// Patches that are worth it.
        const PATCHES_MAX: usize = 2;
        if !self.options.wants_matrix() {
            return;
        }
        let (width, height) = (shot.picture.width(), shot.picture.height());
        let whole = (Patch::whole(width, height), 1000, Strategy::Frame);
        let mut places = vec![whole];
        for patch in self.locator.patches().iter().take(PATCHES_MAX) {
            places.push((*patch, 700, Strategy::Patch));
        }
        let look = Look { is_inverted: false, is_thorough: true, patterns_max: STILL_PATTERNS_MAX };
        for (patch, side_max, strategy) in places {
            let how = MatrixLook::bent(look, side_max, strategy);
            self.read_matrix(shot, &patch, how, reads);
            if !reads.is_empty() || shot.is_late() {
                return;
            }
        }
    }

    fn study_matrix(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        if !self.options.wants_matrix() {
            return;
        }
        let (width, height) = (shot.picture.width(), shot.picture.height());
        let whole = Patch::whole(width, height);
        let ways = [
            (false, SIDE_MAX, Strategy::Frame),
            (true, SIDE_MAX, Strategy::FrameInverted),
            (false, (width.max(height) / 2).clamp(60, SIDE_MAX), Strategy::Shrunk),
            (false, 1000, Strategy::Doubled),
            (false, SIDE_MAX, Strategy::Evened),
        ];
        let known = reads.len();
        // Beside a code that was read at full size there may be larger ones.
        let ways = if known == 0 { &ways[..] } else { &ways[..2] };
        for &(is_inverted, side_max, strategy) in ways {
            if strategy == Strategy::Doubled && width.max(height) > 500 {
                continue;
            }
            let look = Look { is_inverted, is_thorough: true, patterns_max: STILL_PATTERNS_MAX };
            let how = MatrixLook::flat(look, side_max, strategy);
            self.read_matrix(shot, &whole, how, reads);
            if shot.is_late() {
                return;
            }
            if reads.len() > known {
                break;
            }
        }
        self.study_patches(shot, reads);
    }

    /// Matrix codes where dots are.
    pub(super) fn study_patches(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        for index in 0..self.locator.patches().len() {
            let patch = self.locator.patches()[index];
            if is_known(reads, patch.middle().scaled(shot.scale)) {
                continue;
            }
            if shot.is_late() || (index >= PLACES_MAX && reads.is_empty()) {
                return;
            }
            self.study_patch(shot, &patch, reads);
        }
    }

    fn study_patch(&mut self, shot: &Shot<'_>, patch: &Patch, reads: &mut Vec<Read>) {
        /// The longest side of what is looked at.
        const PATCH_SIDE_MAX: usize = 700;
        let side = (patch.width.max(patch.height) as f32 * shot.scale) as usize;
        let known = reads.len();
        let look = Look { is_inverted: false, is_thorough: true, patterns_max: STILL_PATTERNS_MAX };
        for (side_max, strategy) in [
            (PATCH_SIDE_MAX, Strategy::Patch),
            (PATCH_SIDE_MAX, Strategy::Doubled),
            ((side / 2).max(60), Strategy::Shrunk),
        ] {
            // What is too large to be doubled was just seen as it is.
            if strategy == Strategy::Doubled && 2 * side > PATCH_SIDE_MAX {
                continue;
            }
            self.read_matrix(shot, patch, MatrixLook::flat(look, side_max, strategy), reads);
            if reads.len() > known || shot.is_late() {
                return;
            }
        }
    }
}

/// Angles and numbers of lines that are always tried.
const UPRIGHT: [(f32, f32); 4] = [(0.0, 96.0), (90.0, 96.0), (45.0, 80.0), (135.0, 80.0)];
