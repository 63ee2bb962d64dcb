//! `crossroads scan`: codes in pictures and clips on disk.
//!
//! One line a file, whatever happens to the others: a file that cannot be read is reported in its
//! line and in the exit status, and the rest goes on. Nothing is written but the report.

use crate::clip::{Clip, ClipError};
use crate::clock::Clock;
use crate::decode::{Decoder, Options, View};
use crate::frame::Frame;
use crate::image::{self, FILE_BYTES_MAX, ImageError, Kind};
use domain::code::{Code, Element, Meaning, OwnKind};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// When a look at a still takes up nothing new; what runs then ends within its two seconds.
pub(crate) const STILL_MS_MAX: u64 = 1500;
/// The longest look at one frame of a clip.
const CLIP_FRAME_MS_MAX: u64 = 100;
/// The most files taken from folders in one run.
const FILES_MAX: usize = 1_000_000;
/// Folders within folders.
const DEPTH_MAX: usize = 32;
/// Frames a second of a motion JPEG clip, which does not say.
const CLIP_FPS: f32 = 25.0;

/// Why a file yields nothing.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
    /// It is larger than any picture.
    #[error("the file has more than {} MB", FILE_BYTES_MAX >> 20)]
    TooLong,
    /// It is no picture, or a damaged one.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// It is no clip, or a damaged one.
    #[error(transparent)]
    Clip(#[from] ClipError),
}

/// What one file yields.
#[derive(Debug)]
pub struct FileResult {
    /// The codes in it, each once.
    pub codes: Vec<Code>,
    /// In how many places of one picture each of them stands: equal packs.
    pub places: Vec<usize>,
    /// How long looking took, reading and unpacking included.
    pub ms: u64,
    /// A clip that broke off keeps what was read before.
    pub error: Option<FileError>,
}

impl FileResult {
    fn counted(&self) -> impl Iterator<Item = (&Code, usize)> {
        self.codes.iter().zip(self.places.iter().copied())
    }
}

/// Names of files that are clips by their ending; the rest is told by its first bytes.
fn is_motion_jpeg(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    ["mjpeg", "mjpg"].iter().any(|clip| ending.eq_ignore_ascii_case(clip))
}

/// Decodes one still or one clip.
pub fn decode_file(path: &Path, options: &Options, clock: &dyn Clock) -> FileResult {
    let begin_ms = clock.now_ms();
    let mut decoder = Decoder::new(options.clone());
    let mut found = Vec::new();
    let error = look_at(path, &mut decoder, clock, &mut found).err();
    let (codes, places) = found.into_iter().unzip();
    FileResult { codes, places, ms: clock.now_ms().saturating_sub(begin_ms), error }
}

fn look_at(
    path: &Path,
    decoder: &mut Decoder,
    clock: &dyn Clock,
    found: &mut Vec<(Code, usize)>,
) -> Result<(), FileError> {
    let file = File::open(path)?;
    let mut head = Vec::new();
    (&file).take(16).read_to_end(&mut head)?;
    let is_clip = is_motion_jpeg(path) || image::kind_of(&head) == Some(Kind::Y4m);
    if is_clip {
        let input = BufReader::new(File::open(path)?);
        // Nobody aims a file: whatever its frames show counts, as in a still.
        let options = decoder.options().clone().viewing(View::All);
        let mut decoder = Decoder::new(options);
        return look_at_clip(Clip::open(input, CLIP_FPS)?, &mut decoder, clock, found);
    }
    if file.metadata()?.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLong);
    }
    let mut bytes = head;
    (&file).take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    study(&image::decode(&bytes)?, decoder, clock, found);
    Ok(())
}

/// Looks at a still with all patience and adds what it holds, each code once, with its places.
fn study(frame: &Frame, decoder: &mut Decoder, clock: &dyn Clock, found: &mut Vec<(Code, usize)>) {
    let Some(luma) = frame.view() else { return };
    let deadline_ms = clock.now_ms() + STILL_MS_MAX;
    let reads = decoder.study(luma, &|| clock.now_ms() >= deadline_ms);
    for read in reads {
        *add(found, read.into_code()) += 1;
    }
}

fn look_at_clip<R: io::BufRead>(
    mut clip: Clip<R>,
    decoder: &mut Decoder,
    clock: &dyn Clock,
    found: &mut Vec<(Code, usize)>,
) -> Result<(), FileError> {
    let mut fault = None;
    loop {
        match clip.next_frame() {
            Ok(Some(frame)) => {
                let Some(luma) = frame.view() else { continue };
                let deadline_ms = clock.now_ms() + CLIP_FRAME_MS_MAX;
                let is_late = || clock.now_ms() >= deadline_ms;
                // Zero is the time of stills, whose votes are not added up over frames.
                for read in decoder.look(luma, frame.taken_ms + 1, &is_late) {
                    // Places of one frame and of the next are told apart by nothing.
                    *add(found, read.into_code()) = 1;
                }
            }
            Ok(None) => return fault.map_or(Ok(()), |fault: ClipError| Err(fault.into())),
            // One damaged picture does not end a clip; the first is reported at the end.
            Err(error @ ClipError::Picture { .. }) => fault = fault.or(Some(error)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Adds a code that is not there yet; its number of places.
fn add(found: &mut Vec<(Code, usize)>, code: Code) -> &mut usize {
    let is_same =
        |(known, _): &(Code, usize)| known.symbology == code.symbology && known.text == code.text;
    let at = found.iter().position(is_same).unwrap_or(found.len());
    match found.get_mut(at) {
        // A later frame of a clip may say more.
        Some((known, _)) => known.add_on = known.add_on.or(code.add_on),
        None => found.push((code, 0)),
    }
    &mut found[at].1
}

/// One element of a GS1 code. Days are left as digits: their century depends on today.
#[derive(Serialize)]
struct ElementLine<'a> {
    ai: String,
    title: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct QuantityLine {
    amount: i64,
    unit: &'static str,
}

#[derive(Serialize)]
struct MeaningLine<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gtin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elements: Option<Vec<ElementLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<QuantityLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    central: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a str>,
}

impl<'a> MeaningLine<'a> {
    fn new(code: &'a Code) -> Self {
        let gtin = code.gtin().map(|gtin| gtin.to_gtin14());
        let kind = code.meaning.kind();
        let fault = code.fault.as_ref().map(ToString::to_string);
        let mut line = Self {
            kind,
            gtin,
            elements: None,
            quantity: None,
            fault,
            central: None,
            code: None,
            receipt: None,
        };
        match &code.meaning {
            Meaning::Gs1(elements) => {
                line.elements = Some(elements.elements().iter().map(element_line).collect());
                line.quantity = elements.quantity().map(|quantity| QuantityLine {
                    amount: quantity.amount,
                    unit: quantity.unit.name(),
                });
            }
            Meaning::Enrolment { central, code } => {
                line.central = Some(central);
                line.code = Some(code);
            }
            Meaning::Own(own) if own.kind == OwnKind::Receipt => line.receipt = Some(&own.subject),
            _ => {}
        }
        line
    }
}

fn element_line(element: &Element) -> ElementLine<'_> {
    let ai = element.ai().to_string();
    ElementLine { ai, title: element.entry().title, value: element.value() }
}

#[derive(Serialize)]
struct CodeLine<'a> {
    symbology: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    places: Option<usize>,
    meaning: MeaningLine<'a>,
}

#[derive(Serialize)]
struct FileLine<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<Vec<CodeLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
}

fn code_line((code, places): (&Code, usize)) -> CodeLine<'_> {
    let Code { symbology, text, add_on, .. } = code;
    let add_on = add_on.map(|add_on| add_on.to_string());
    let (symbology, meaning) = (symbology.name(), MeaningLine::new(code));
    let places = (places > 1).then_some(places);
    CodeLine { symbology, text, add_on, places, meaning }
}

/// A fault and its causes in one sentence.
fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}

/// The line that `--json` prints for one file, without the end of line.
pub fn json_line(path: &Path, result: &FileResult) -> String {
    let is_silent = result.error.is_some() && result.codes.is_empty();
    let line = FileLine {
        file: &path.to_string_lossy(),
        codes: (!is_silent).then(|| result.counted().map(code_line).collect()),
        error: result.error.as_ref().map(|error| in_words(error)),
        ms: (!is_silent).then_some(result.ms),
    };
    serde_json::to_string(&line).expect("strings and numbers always serialise")
}

/// The lines for people.
fn plain_lines(path: &Path, result: &FileResult) -> String {
    let mut lines = String::new();
    let name: String = path.to_string_lossy().chars().flat_map(visible).collect();
    for (code, places) in result.counted() {
        let mut text: String = code.text.chars().flat_map(visible).collect();
        if let Some(add_on) = code.add_on {
            text += &format!(" +{add_on}");
        }
        if places > 1 {
            text += &format!(" x{places}");
        }
        lines += &format!("{name}: {} {text} ({})\n", code.symbology.name(), code.meaning.kind());
    }
    match &result.error {
        Some(error) => lines += &format!("{name}: {}\n", in_words(error)),
        None if result.codes.is_empty() => lines += &format!("{name}: no code\n"),
        None => {}
    }
    lines
}

/// What steers the terminal that shows a text, turns its direction or is not seen at all, is written as an escape.
fn visible(character: char) -> impl Iterator<Item = char> {
    let is_hidden = character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let escaped = is_hidden.then(|| character.escape_unicode());
    escaped.into_iter().flatten().chain((!is_hidden).then_some(character))
}

/// Files by name, folders replaced by what lies in them (sorted, hidden files left out).
fn files_in(paths: &[PathBuf], err: &mut dyn Write) -> (Vec<PathBuf>, bool) {
    let (mut files, mut is_whole) = (Vec::new(), true);
    let mut open: Vec<(PathBuf, usize)> =
        paths.iter().rev().map(|path| (path.clone(), 0)).collect();
    while let Some((path, depth)) = open.pop() {
        if !path.is_dir() || (depth > 0 && path.is_symlink()) {
            if depth == 0 || path.is_file() {
                files.push(path);
            }
            if files.len() >= FILES_MAX {
                let _ = writeln!(err, "more than {FILES_MAX} files: the rest is left out");
                return (files, false);
            }
            continue;
        }
        match std::fs::read_dir(&path) {
            Ok(entries) if depth < DEPTH_MAX => {
                let mut inner: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
                inner.retain(|path| {
                    path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
                });
                inner.sort();
                open.extend(inner.into_iter().rev().map(|path| (path, depth + 1)));
            }
            Ok(_) => is_whole = false,
            Err(error) => {
                let _ = writeln!(err, "{}: the folder cannot be read: {error}", path.display());
                is_whole = false;
            }
        }
    }
    (files, is_whole)
}

/// Whether a file found in a folder is worth opening: pictures lie among texts there. One that is named like a picture
/// and is none is damaged, which must be said.
fn is_worth_opening(path: &Path) -> bool {
    const ENDINGS: [&str; 9] = ["png", "jpg", "jpeg", "webp", "pgm", "ppm", "y4m", "mjpeg", "mjpg"];
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    if ENDINGS.iter().any(|picture| ending.eq_ignore_ascii_case(picture)) {
        return true;
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut head));
    read.is_err() || image::kind_of(&head).is_some()
}

/// How a run of `crossroads scan` is reported.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// One JSON line a file instead of lines for people.
    pub is_json: bool,
    /// Progress on the error stream, for a person at a terminal.
    pub has_progress: bool,
}

/// `crossroads scan`: looks at all files, prints a line for each, and returns the exit status:
/// 0, 1 if a file could not be read, 2 if the report could not be written.
///
/// Files named by the caller are always reported; in folders, what is no picture or clip by its
/// first bytes is passed over. Interrupting it harms nothing: lines are whole and nothing else is
/// written.
pub fn run_cli(
    paths: &[PathBuf],
    report: Report,
    options: &Options,
    clock: &dyn Clock,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let (mut files, is_whole) = files_in(paths, err);
    files.retain(|file| paths.contains(file) || is_worth_opening(file));
    if files.is_empty() {
        let _ = writeln!(err, "there is no picture and no clip in what was named");
    }
    let mut exit = if is_whole { 0 } else { 1 };
    let count = files.len();
    for (index, file) in files.iter().enumerate() {
        if report.has_progress {
            let _ = write!(err, "\r{}/{count} {:<60.60}", index + 1, file.to_string_lossy());
            let _ = err.flush();
        }
        let result = decode_file(file, options, clock);
        if result.error.is_some() {
            exit = 1;
        }
        let lines = if report.is_json {
            json_line(file, &result) + "\n"
        } else {
            plain_lines(file, &result)
        };
        if report.has_progress {
            let _ = write!(err, "\r{:<72}\r", "");
        }
        // A reader that went away (`| head`) ends the run.
        if out.write_all(lines.as_bytes()).and_then(|()| out.flush()).is_err() {
            return 2;
        }
    }
    exit
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::code::Symbology;
    use serde_json::json;

    /// One line, one case: symbology, text, the meaning as it is printed.
    #[test]
    fn meanings_are_printed() {
        for (symbology, text, expected) in [
            (Symbology::Ean13, "9521234543213", json!({"kind": "gtin", "gtin": "09521234543213"})),
            (Symbology::QrCode, "https://example.org/win", json!({"kind": "unknown"})),
            (
                Symbology::Gs1DataMatrix,
                "0109521234543213310300175010L1\u{1d}17261231",
                json!({
                    "kind": "gs1",
                    "gtin": "09521234543213",
                    "elements": [
                        {"ai": "01", "title": "GTIN", "value": "09521234543213"},
                        {"ai": "3103", "title": "NET WEIGHT (kg)", "value": "001750"},
                        {"ai": "10", "title": "BATCH/LOT", "value": "L1"},
                        {"ai": "17", "title": "USE BY or EXPIRY", "value": "261231"},
                    ],
                    "quantity": {"amount": 1750, "unit": "g"},
                }),
            ),
            (
                Symbology::Gs1DataMatrix,
                "010952123454321317261331",
                json!({
                    "kind": "unknown",
                    "fault": "(17) at character 21: there is no such month",
                }),
            ),
        ] {
            let codes = vec![Code::new(symbology, text)];
            let line = json_line(
                Path::new("a.png"),
                &FileResult { codes, places: vec![1], ms: 1, error: None },
            );
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["codes"][0]["meaning"], expected, "{text}");
        }
    }

    #[test]
    fn an_add_on_is_printed_beside_its_number() {
        let codes = vec![Code::new(Symbology::Ean13, "978073520044951299")];
        let result = FileResult { codes, places: vec![1], ms: 1, error: None };
        let line: serde_json::Value =
            serde_json::from_str(&json_line(Path::new("a.png"), &result)).unwrap();
        assert_eq!(line["codes"][0]["text"], "9780735200449");
        assert_eq!(line["codes"][0]["add_on"], "51299");
        let lines = plain_lines(Path::new("a.png"), &result);
        assert_eq!(lines, "a.png: EAN-13 9780735200449 +51299 (gtin)\n");
        let codes = vec![Code::new(Symbology::Ean13, "9780735200449")];
        let alone = json_line(
            Path::new("a.png"),
            &FileResult { codes, places: vec![1], ms: 1, error: None },
        );
        assert!(!alone.contains("add_on"), "{alone}");
    }

    /// Frames of a clip say the same number, the later ones with what stands beside it.
    #[test]
    fn a_clip_yields_a_number_once_with_its_add_on() {
        let mut found = Vec::new();
        for text in ["9772049363002", "977204936300206", "9772049363002"] {
            *add(&mut found, Code::new(Symbology::Ean13, text)) = 1;
        }
        assert_eq!(found, [(Code::new(Symbology::Ean13, "977204936300206"), 1)]);
    }
}
