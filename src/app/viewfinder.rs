//! What stands on the viewfinder beside the picture: what would help to read, and what the diagnostics
//! view tells about a look.
//!
//! Like the picture it goes past the terminal's session, many times a second and never to disk: no part
//! of it changes a basket. Facts come from the scan thread; here they become few, calm words for a
//! person, and numbers that fit a row.

use super::visible::{is_visible, masked};
use domain::code::{Code, Meaning, Symbology};
use scan::frame::Outline;
use scan::source::SourceState;
use scan::source::format::{Mode, PixelFormat};
use scan::stream::Counts;
use scan::trace::Stage;
use scan::{LookReport, Point};
use serde_json::{Value, json};
use std::collections::VecDeque;

pub use scan::{Frame, Hint, Luma};

/// Four corners of a code in fractions of the frame, in order around it.
pub type Corners = [(f32, f32); 4];

/// An outline in fractions of a frame of this size; `None` for a code that no camera saw.
pub fn corners_in(outline: &Outline, (width, height): (usize, usize)) -> Option<Corners> {
    if width == 0 || height == 0 {
        return None;
    }
    Some(outline.map(|Point { x, y }| (x / width as f32, y / height as f32)))
}

/// The light beside the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TorchState {
    /// There is none: no button.
    #[default]
    None,
    /// It is dark.
    Off,
    /// It burns.
    On,
    /// It does not do what it was told.
    Refused,
}

/// What became of a frame that a person wanted to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SaveState {
    /// Nothing was asked for.
    #[default]
    None,
    /// It is being written.
    Saving,
    /// It is kept as this file; what was seen stands beside it.
    Saved(String),
    /// The disk has no room for it: sales come first.
    DiskFull(String),
    /// This folder may not be written to.
    Forbidden(String),
    /// The folder holds as many as it may.
    Crowded(String),
    /// The system said no otherwise, in its words.
    Failed(String),
}

/// What a person asks of the viewfinder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The light, on or off.
    Torch(bool),
    /// The diagnostics view opens or closes.
    Diagnose(bool),
    /// Its picture stands still, or goes on.
    Hold(bool),
    /// The frame on show is kept in a file.
    Save,
}

/// Says what would help, slowly enough to be read.
///
/// A measurement flickers; words must not. Each hint gathers time while it is heard and loses it while
/// it is not; it is said when it has enough, and stays until little is left or another has clearly more.
#[derive(Clone, Debug, Default)]
pub struct Adviser {
    heard: Hint,
    gathered_ms: [u64; HINTS.len()],
    said: Hint,
    last_ms: Option<u64>,
}

const HINTS: [Hint; 4] = [Hint::TooDark, Hint::HoldStill, Hint::MoveCloser, Hint::Glare];

impl Adviser {
    /// A hint is said when it has gathered so much.
    pub const SAY_MS: u64 = 700;
    /// It is taken back when less is left.
    const HUSH_MS: u64 = 150;
    /// No hint gathers more, so that it leaves in time.
    const GATHERED_MS_MAX: u64 = 1_500;
    /// Another takes its place with so much more.
    const LEAD_MS: u64 = 300;
    /// A pause between two looks counts as this at most.
    const STEP_MS_MAX: u64 = 250;

    /// What the pipeline found last.
    pub fn hear(&mut self, hint: Hint) {
        self.heard = hint;
    }

    /// A code was read, or the camera rests: nothing needs to be said.
    pub fn rest(&mut self) {
        let Self { heard, last_ms, .. } = *self;
        *self = Self { heard, last_ms, ..Self::default() };
    }

    /// What is to be said at this moment.
    pub fn at(&mut self, now_ms: u64) -> Hint {
        let last_ms = self.last_ms.replace(now_ms).unwrap_or(now_ms);
        let step_ms = now_ms.saturating_sub(last_ms).min(Self::STEP_MS_MAX);
        for (hint, gathered_ms) in HINTS.iter().zip(&mut self.gathered_ms) {
            *gathered_ms = match *hint == self.heard {
                true => (*gathered_ms + step_ms).min(Self::GATHERED_MS_MAX),
                false => gathered_ms.saturating_sub(step_ms),
            };
        }
        let gathered_ms = self.gathered_ms;
        let of = |hint: Hint| {
            HINTS.iter().position(|known| *known == hint).map_or(0, |at| gathered_ms[at])
        };
        if of(self.said) < Self::HUSH_MS {
            self.said = Hint::None;
        }
        let strongest = HINTS.into_iter().max_by_key(|hint| of(*hint)).unwrap_or_default();
        if of(strongest) >= Self::SAY_MS
            && (self.said == Hint::None || of(strongest) > of(self.said) + Self::LEAD_MS)
        {
            self.said = strongest;
        }
        self.said
    }
}

/// What a box on the picture stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// Bars, perhaps.
    Bars,
    /// A matrix code, perhaps.
    Patch,
    /// A code that was read.
    Read,
}

/// A box on the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// What it stands for.
    pub kind: MarkKind,
    /// Where.
    pub corners: Corners,
}

/// One text, and what speaks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceRow {
    /// Name of the symbology.
    pub symbology: String,
    /// The text, control characters made visible.
    pub text: String,
    /// What read it: the name of a [`scan::Strategy`].
    pub strategy: String,
    /// Lines that said so.
    pub votes: u32,
    /// Lines that are needed; 0 where it is believed.
    pub demanded: u32,
    /// Frames in which it was seen.
    pub frames: u32,
    /// Whether the catalogue has it, if that can be said.
    pub is_known: Option<bool>,
}

/// One part of the look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageRow {
    /// Name of the [`Stage`].
    pub stage: String,
    /// Its time in words.
    pub time: String,
    /// Its share of the look in percent.
    pub percent: u32,
}

/// Everything that the diagnostics view shows of one look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// The frame, made smaller by a whole factor.
    pub picture: Frame,
    /// Boxes on it.
    pub marks: Vec<Mark>,
    /// What is believed, then what is weighed, the nearest first.
    pub evidence: Vec<EvidenceRow>,
    /// The evidence is that of the last code read, not of this frame.
    pub is_earlier: bool,
    /// Candidates for linear codes.
    pub bars: u32,
    /// The angle of the best of them, in degrees.
    pub degrees: Option<u32>,
    /// Candidates for matrix codes.
    pub patches: u32,
    /// Brightness in percent, if it was measured.
    pub brightness: Option<u32>,
    /// Sharpness in percent of the best frame lately, if it was measured.
    pub sharpness: Option<u32>,
    /// What the pipeline says would help.
    pub hint: Hint,
    /// The whole look in words.
    pub time: String,
    /// Its parts.
    pub stages: Vec<StageRow>,
    /// Name of the camera, or the folder of a replay.
    pub camera: String,
    /// How it delivers: `YUYV 1280 × 720`.
    pub format: String,
    /// Frames a second that came; `None` until it was measured.
    pub frames_per_second: Option<u32>,
    /// Frames a second that were looked at.
    pub looks_per_second: Option<u32>,
    /// Frames that were let go because newer ones came, in percent of those that came.
    pub dropped_percent: Option<u32>,
}

/// Greatest size of the picture of a [`Diagnosis`].
const PICTURE_WIDTH_MAX: usize = 720;
const PICTURE_HEIGHT_MAX: usize = 540;
/// Rows of evidence that fit a screen.
const EVIDENCE_MAX: usize = 4;
/// Characters of a text that are shown.
const TEXT_CHARS_MAX: usize = 80;
/// Rates are those of this time.
const RATE_MS: u64 = 3_000;

/// Makes a [`Diagnosis`] of each look; remembers the last code read and the rates.
#[derive(Default)]
pub struct Diagnostician {
    last_read: Option<EvidenceRow>,
    counts: VecDeque<(u64, Counts)>,
}

impl Diagnostician {
    /// Tells about a look, taken up at `now_ms`.
    pub fn tell(&mut self, report: &LookReport, now_ms: u64) -> Diagnosis {
        let size = (report.frame.width, report.frame.height);
        let trace = &report.trace;
        let mut evidence: Vec<EvidenceRow> = report.reads.iter().map(row_of_read).collect();
        if let Some(first) = evidence.first() {
            self.last_read = Some(first.clone());
        }
        evidence.extend(trace.standing.iter().map(|row| EvidenceRow {
            symbology: symbology_words(row.symbology),
            text: shown(row.symbology, &row.text),
            strategy: row.strategy.name().to_owned(),
            votes: row.votes,
            demanded: row.demanded,
            frames: row.frames,
            is_known: row.is_known,
        }));
        evidence.truncate(EVIDENCE_MAX);
        let is_earlier = evidence.is_empty();
        if is_earlier {
            evidence.extend(self.last_read.clone());
        }
        let (frames_per_second, looks_per_second, dropped_percent) =
            self.rates(report.counts, now_ms);
        Diagnosis {
            picture: small_picture(&report.frame),
            marks: marks(report, size),
            evidence,
            is_earlier,
            bars: trace.bars.len() as u32,
            degrees: trace.bars.first().map(|bars| bars.degrees.round() as u32 % 180),
            patches: trace.patches.len() as u32,
            brightness: trace.seen.map(|seen| (seen.brightness * 100.0 / 255.0) as u32),
            sharpness: trace.seen.map(|seen| {
                (seen.sharpness * 100.0 / seen.best_sharpness.max(1e-3)).min(100.0) as u32
            }),
            hint: trace.hint,
            time: duration(report.look_us),
            stages: stages(report),
            camera: camera_name(&report.source.0),
            format: format_of(report.source.1, size),
            frames_per_second,
            looks_per_second,
            dropped_percent,
        }
    }

    fn rates(&mut self, counts: Counts, now_ms: u64) -> (Option<u32>, Option<u32>, Option<u32>) {
        self.counts.push_back((now_ms, counts));
        while self.counts.len() > 2
            && self.counts.front().is_some_and(|(at_ms, _)| now_ms - at_ms > RATE_MS)
        {
            self.counts.pop_front();
        }
        let Some((since_ms, before)) = self.counts.front() else { return (None, None, None) };
        let span_ms = now_ms.saturating_sub(*since_ms);
        if span_ms < RATE_MS / 3 {
            return (None, None, None);
        }
        let frames = counts.frames.saturating_sub(before.frames);
        let rate = |count: u64| Some(((count * 1_000 + span_ms / 2) / span_ms) as u32);
        let dropped = counts.dropped.saturating_sub(before.dropped);
        let percent = (dropped * 100).checked_div(frames).map(|percent| percent.min(100) as u32);
        (rate(frames), rate(counts.decodes.saturating_sub(before.decodes)), percent)
    }
}

/// As people write it.
fn symbology_words(symbology: Symbology) -> String {
    match symbology.name() {
        "qr-code" => "QR Code".to_owned(),
        "gs1-qr-code" => "GS1 QR Code".to_owned(),
        "data-matrix" => "Data Matrix".to_owned(),
        "gs1-data-matrix" => "GS1 Data Matrix".to_owned(),
        name => name.to_uppercase(),
    }
}

fn row_of_read(read: &scan::confirm::Read) -> EvidenceRow {
    let beside = read.add_on.map(|add_on| format!(" +{add_on}")).unwrap_or_default();
    EvidenceRow {
        symbology: symbology_words(read.symbology),
        text: shown(read.symbology, &read.text) + &beside,
        strategy: read.evidence.strategy.name().to_owned(),
        votes: read.evidence.votes,
        demanded: 0,
        frames: read.evidence.frames,
        is_known: read.evidence.is_known,
    }
}

/// Places of each kind that are marked in the picture, the best first: more would hide it.
const MARKS_MAX: usize = 12;

fn marks(report: &LookReport, size: (usize, usize)) -> Vec<Mark> {
    let mark = |kind: MarkKind, outline: &Outline| {
        corners_in(outline, size).map(|corners| Mark { kind, corners })
    };
    let bars = report.trace.bars.iter().take(MARKS_MAX);
    let bars = bars.map(|bars| mark(MarkKind::Bars, &bars.outline));
    let patches = report.trace.patches.iter().take(MARKS_MAX);
    let patches = patches.map(|patch| mark(MarkKind::Patch, patch));
    let reads = report.reads.iter().map(|read| mark(MarkKind::Read, &read.outline));
    bars.chain(patches).chain(reads).flatten().collect()
}

fn stages(report: &LookReport) -> Vec<StageRow> {
    let row = |stage: Stage| {
        let us = report.trace.stage_us(stage);
        StageRow {
            stage: stage.name().to_owned(),
            time: duration(us),
            percent: (us * 100).checked_div(report.look_us).map_or(0, |part| part.min(100) as u32),
        }
    };
    Stage::ALL.map(row).into()
}

/// A frame made smaller by a whole factor, for a picture that a person looks at closely.
pub fn small_picture(frame: &Frame) -> Frame {
    let Some(luma) = frame.view() else { return Frame::default() };
    let wide = luma.width().div_ceil(PICTURE_WIDTH_MAX);
    luma.shrunk(wide.max(luma.height().div_ceil(PICTURE_HEIGHT_MAX)))
}

/// Whole numbers, so that no language writes them differently: `340 µs`, `12 ms`.
fn duration(us: u64) -> String {
    if us < 1_000 { format!("{us} µs") } else { format!("{} ms", (us + 500) / 1_000) }
}

/// A text as a person may see it: what hides is marked, a payment code is kept to itself.
fn shown(symbology: Symbology, text: &str) -> String {
    let marked = || {
        let mark = |letter| if is_visible(letter) { letter } else { '␣' };
        text.chars().take(TEXT_CHARS_MAX).map(mark).collect()
    };
    masked(&Code::new(symbology, text)).unwrap_or_else(marked)
}

fn camera_name(state: &SourceState) -> String {
    match state {
        SourceState::Camera { name } => name.clone(),
        SourceState::Replay { path } => path.display().to_string(),
        SourceState::Lost { .. } | SourceState::None => String::new(),
    }
}

const fn name_of(format: PixelFormat) -> &'static str {
    match format {
        PixelFormat::Nv12 => "NV12",
        PixelFormat::Yuyv => "YUYV",
        PixelFormat::Grey => "GREY",
        PixelFormat::Mjpeg => "MJPEG",
    }
}

fn format_of(mode: Option<Mode>, (width, height): (usize, usize)) -> String {
    match mode {
        Some(mode) => format!("{} {width} × {height}", name_of(mode.format)),
        None => format!("{width} × {height}"),
    }
}

/// What stands beside a saved frame: what was seen, weighed and read, in words and numbers.
///
/// The text of a code is written only where it names goods: cards, receipts, badges and codes of a
/// person's phone are given by their kind and length. The picture shows them all the same, so that
/// nothing of this is ever made without a person's press.
pub fn report(look: &LookReport, software: &str, at: &str) -> Value {
    let LookReport { frame, reads, trace, look_us, counts, source } = look;
    let corners = |outline: &Outline| outline.map(|Point { x, y }| json!([x, y]));
    let text_of = |symbology, text: &str| {
        let code = Code::new(symbology, text);
        let is_goods = matches!(code.meaning, Meaning::Gtin(_) | Meaning::Restricted(_))
            || matches!(&code.meaning, Meaning::Gs1(elements) if elements.gtin().is_some());
        json!({
            "symbology": code.symbology.name(),
            "kind": code.meaning.kind(),
            "text": is_goods.then_some(text),
            "length": text.chars().count(),
        })
    };
    let with = |mut value: Value, more: Value| {
        if let (Some(row), Value::Object(more)) = (value.as_object_mut(), more) {
            row.extend(more);
        }
        value
    };
    let mode = source.1.map(|mode| {
        json!({
            "format": name_of(mode.format), "width": mode.width, "height": mode.height,
            "frames_per_second": mode.frames_per_second,
        })
    });
    let reads = reads.iter().map(|read| {
        let evidence = read.evidence;
        let more = json!({
            "corners": corners(&read.outline), "strategy": evidence.strategy.name(),
            "votes": evidence.votes, "frames": evidence.frames, "known": evidence.is_known,
        });
        with(text_of(read.symbology, &read.text), more)
    });
    let claims = trace.claims.iter().map(|claim| {
        let more = json!({
            "strategy": claim.strategy.name(),
            "from": [claim.from.x, claim.from.y], "to": [claim.to.x, claim.to.y],
        });
        with(text_of(claim.symbology, &claim.text), more)
    });
    let standing = trace.standing.iter().map(|row| {
        let more = json!({
            "strategy": row.strategy.name(), "votes": row.votes, "demanded": row.demanded,
            "frames": row.frames, "known": row.is_known,
        });
        with(text_of(row.symbology, &row.text), more)
    });
    let bars = trace.bars.iter().map(|bars| {
        json!({"corners": corners(&bars.outline), "degrees": bars.degrees, "score": bars.score})
    });
    let stages = trace.stages.iter().map(|(stage, us)| json!({"stage": stage.name(), "us": us}));
    json!({
        "report": 1,
        "software": software,
        "saved_at": at,
        "frame": {"width": frame.width, "height": frame.height},
        "camera": {"name": camera_name(&source.0), "mode": mode},
        "counts": {"frames": counts.frames, "looks": counts.decodes, "dropped": counts.dropped},
        "look_us": look_us,
        "stages": stages.collect::<Vec<_>>(),
        "seen": trace.seen.map(|seen| json!({
            "brightness": seen.brightness, "sharpness": seen.sharpness,
            "best_sharpness": seen.best_sharpness,
        })),
        "hint": trace.hint.name(),
        "bars": bars.collect::<Vec<_>>(),
        "patches": trace.patches.iter().map(corners).collect::<Vec<_>>(),
        "claims": claims.collect::<Vec<_>>(),
        "standing": standing.collect::<Vec<_>>(),
        "reads": reads.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
#[path = "viewfinder_test.rs"]
mod tests;
