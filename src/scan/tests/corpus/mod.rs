//! The photographs beside the project: which sets there are, what is in them, and judging a read.
//!
//! Shared by the test that holds floors and by the bench that prints tables.

use domain::code::Code;
use domain::gtin::expand_upc_e;
use scan::confirm::Read;
use scan::still::{FileResult, decode_file};
use scan::{Clock, Frame, Options};
use std::path::{Path, PathBuf};

/// Where the photographs are, if they are.
pub fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/barcodes");
    root.is_dir().then_some(root)
}

/// One folder of photographs.
pub struct Set {
    /// Engine and set, `zxing/ean13-1`.
    pub name: String,
    folder: PathBuf,
}

/// One photograph with its truth.
pub struct Picture {
    set: String,
    path: PathBuf,
    /// What it shows; empty where nothing may be read.
    truths: Vec<String>,
}

/// What a reader made of one code.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub text: String,
    /// The digits beside it.
    pub add_on: Option<String>,
}

impl Found {
    /// A text alone.
    #[allow(dead_code, reason = "other readers are in the bench only")]
    pub const fn text(text: String) -> Self {
        Self { text, add_on: None }
    }
}

impl From<Code> for Found {
    fn from(code: Code) -> Self {
        Self { text: code.text, add_on: code.add_on.map(|add_on| add_on.to_string()) }
    }
}

impl From<Read> for Found {
    fn from(read: Read) -> Self {
        Self { text: read.text, add_on: read.add_on.map(|add_on| add_on.to_string()) }
    }
}

/// Add-ons that lie whole in pictures whose truth is the number alone, looked at one by one.
const ADD_ONS: &[(&str, &str)] = &[
    ("zxing/ean13-1/25.png", "92902"),
    ("zxing/ean13-1/28.png", "00020"),
    ("zxing/ean13-1/31.png", "52595"),
    ("zxing/ean13-1/32.png", "52595"),
    ("zxing/ean13-1/33.png", "90000"),
    ("zxing/ean13-1/38.png", "55999"),
    ("zxing/ean13-2/06.png", "51495"),
    ("zxing/ean13-2/07.png", "51495"),
    ("zxing/upca-1/10.png", "02601"),
    ("zxing/upca-1/11.png", "02601"),
    ("zxing/upca-1/18.png", "00"),
    ("zxing/upca-1/19.png", "00"),
    ("zxing/upca-1/8.png", "19868"),
    ("zxing/upca-1/9.png", "19868"),
    ("zxing/upce-2/08.png", "01"),
    ("zxing/upce-2/09.png", "01"),
    ("zxing/upce-2/10.png", "01"),
    ("zxing/upce-2/11.png", "01"),
    ("zxing/upce-2/12.png", "01"),
    ("zxing/upce-2/13.png", "01"),
    ("zxing/upce-2/14.png", "01"),
    ("zxing/upce-2/15.png", "01"),
    ("zxing/upce-3/01.png", "01"),
    ("zxing/upce-3/02.png", "01"),
    ("zxing/upce-3/03.png", "01"),
    ("zxing/upce-3/04.png", "01"),
    ("zxing/upce-3/05.png", "01"),
    ("zxing/upce-3/06.png", "01"),
    ("zxing/upce-3/08.png", "01"),
    ("zxing/upce-3/09.png", "01"),
    ("zxing/upce-3/11.png", "01"),
    ("zxing/upcean-extension-1/1.png", "51299"),
    ("zxing/upcean-extension-1/2.png", "52495"),
];

/// What became of one photograph.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Hit,
    Miss,
    /// What was read instead.
    Wrong(Vec<String>),
}

/// All sets, by name.
pub fn sets(root: &Path) -> Vec<Set> {
    let mut found = Vec::new();
    for engine in ["zxing", "zxing-cpp"] {
        let Ok(entries) = std::fs::read_dir(root.join(engine)) else { continue };
        for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            let kind = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push(Set { name: format!("{engine}/{kind}"), folder });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

impl Set {
    /// Whether its pictures must yield nothing.
    pub fn is_negative(&self) -> bool {
        ["falsepositives", "partial", "unsupported"].iter().any(|part| self.name.contains(part))
    }

    /// Its pictures in order; those without a truth that is text are left out.
    pub fn pictures(&self) -> Vec<Picture> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&self.folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        paths.retain(|path| {
            let ending = path.extension().and_then(|ending| ending.to_str());
            matches!(ending, Some("png" | "jpg" | "webp"))
        });
        paths.sort();
        let picture = |path: PathBuf| {
            let truth = std::fs::read_to_string(path.with_extension("txt")).ok();
            let set = self.name.clone();
            (self.is_negative() || truth.is_some()).then_some(Picture {
                set,
                path,
                truths: truth.filter(|_| !self.is_negative()).into_iter().collect(),
            })
        };
        let mut pictures: Vec<Picture> = paths.into_iter().filter_map(picture).collect();
        self.pair_up(&mut pictures);
        pictures
    }

    /// The back of a Japanese book carries two codes: these pictures show both, and their truths
    /// name one of them.
    fn pair_up(&self, pictures: &mut [Picture]) {
        const BOTH: [&str; 2] = ["9784872348880", "1920081045006"];
        const SHOWN_IN: [&str; 7] = ["13", "14", "19", "20", "23", "24", "28"];
        if self.name != "zxing/ean13-2" {
            return;
        }
        let is_shown = |picture: &Picture| {
            let stem = picture.path.file_stem().unwrap_or_default();
            SHOWN_IN.iter().any(|known| stem == *known)
        };
        for picture in pictures.iter_mut().filter(|picture| is_shown(picture)) {
            picture.truths = BOTH.map(str::to_owned).to_vec();
        }
    }
}

/// Texts differ in how separators and implied prefixes are written down, numbers never do.
fn normal(text: &str) -> String {
    let text = text.replace("{GS}", "\u{1d}").replace("<GS>", "\u{1d}");
    let text: String =
        text.trim_end_matches(['\n', '\r']).chars().filter(|c| *c != '\u{1d}').collect();
    text.replace("\r\n", "\n")
}

fn is_same(truth: &str, read: &str) -> bool {
    let (truth, read) = (normal(truth), normal(read));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if truth == read {
        return true;
    }
    // GTINs: padded with zeros, or as the element string that DataBar stands for.
    let number = |text: &str| text.trim_start_matches('0').to_owned();
    let bare = |text: &str| match text.len() {
        16 if text.starts_with("01") => number(&text[2..]),
        _ => number(text),
    };
    if is_digits(&truth) && is_digits(&read) && bare(&truth) == bare(&read) {
        return true;
    }
    // UPC-E is written as printed or expanded.
    expand_upc_e(&read).is_some_and(|long| number(&long) == number(&truth))
}

impl Picture {
    /// Set and file.
    pub fn name(&self) -> String {
        format!("{}/{}", self.set, self.path.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Reads it as `crossroads scan` does; milliseconds and outcome.
    #[allow(dead_code, reason = "the test reads files, the bench pixels")]
    pub fn judge(&self, clock: &dyn Clock) -> (u64, Outcome) {
        let result: FileResult = decode_file(&self.path, &Options::default(), clock);
        assert!(result.error.is_none(), "{}: {:?}", self.name(), result.error);
        let found: Vec<Found> = result.codes.into_iter().map(Found::from).collect();
        (result.ms, self.outcome(&found))
    }

    /// Its grey pixels.
    #[allow(dead_code, reason = "the test reads files, the bench pixels")]
    pub fn frame(&self) -> Frame {
        let bytes = std::fs::read(&self.path).expect("it was listed a moment ago");
        scan::image::decode(&bytes).expect("the photographs are whole")
    }

    /// Whether another shows the same.
    #[allow(dead_code, reason = "only the bench puts pictures together")]
    pub fn shares_a_truth_with(&self, other: &Self) -> bool {
        let is_theirs = |truth: &String| other.truths.iter().any(|their| is_same(their, truth));
        self.truths.iter().any(is_theirs)
    }

    /// Whether one of these codes is what it shows, among others.
    #[allow(dead_code, reason = "only the bench puts pictures together")]
    pub fn shows_one_of(&self, found: &[Found]) -> bool {
        let is_shown = |code: &Found| {
            let bare = Found::text(code.text.clone());
            self.outcome(&[bare]) == Outcome::Hit
        };
        found.iter().any(is_shown)
    }

    /// The add-on that it shows: behind the number in its truth, or in [`ADD_ONS`].
    pub fn add_on(&self) -> Option<String> {
        let truth = self.truths.first().map(|truth| normal(truth)).unwrap_or_default();
        if self.set.contains("extension") && truth.len() > 13 {
            return Some(truth[13..].to_owned());
        }
        let name = self.name();
        ADD_ONS.iter().find(|(known, _)| *known == name).map(|(_, digits)| (*digits).to_owned())
    }

    /// Whether its add-on was read; `None` where it shows none.
    pub fn is_add_on_read(&self, found: &[Found]) -> Option<bool> {
        self.add_on().map(|digits| found.iter().any(|code| code.add_on.as_ref() == Some(&digits)))
    }

    /// Whether what was read is what it shows. An add-on that is not read is no miss; one that is not
    /// there, or reads otherwise, is wrong.
    pub fn outcome(&self, found: &[Found]) -> Outcome {
        let is_extension = self.set.contains("extension");
        let is_short = self.set.contains("upce");
        let is_right = |text: &String| {
            self.truths.iter().any(|truth| {
                let truth = normal(truth);
                // Some readers give the long number that a UPC-E stands for.
                if is_short && expand_upc_e(&truth).is_some_and(|long| is_same(&long, text)) {
                    return true;
                }
                let is_main = is_extension && truth.len() > 13 && is_same(&truth[..13], text);
                is_main || is_same(&truth, text)
            })
        };
        let add_on = self.add_on();
        let is_invented = |code: &Found| code.add_on.is_some() && code.add_on != add_on;
        // Pictures that show several codes name one of them as the truth.
        if found.is_empty() {
            Outcome::Miss
        } else if found.iter().any(|code| is_right(&code.text)) && !found.iter().any(is_invented) {
            Outcome::Hit
        } else {
            let words = |code: &Found| match &code.add_on {
                Some(add_on) => format!("{} +{add_on}", code.text),
                None => code.text.clone(),
            };
            Outcome::Wrong(found.iter().map(words).collect())
        }
    }
}

/// Counts of one set.
#[derive(Default)]
pub struct Tally {
    pub images: u32,
    pub hits: u32,
    pub wrong: u32,
    times: Vec<u64>,
}

impl Tally {
    /// Adds one picture; all times of a tally are of one unit, which the caller knows.
    pub fn add(&mut self, time: u64, outcome: &Outcome) {
        self.images += 1;
        self.times.push(time);
        match outcome {
            Outcome::Hit => self.hits += 1,
            Outcome::Wrong(_) => self.wrong += 1,
            Outcome::Miss => {}
        }
    }

    #[allow(dead_code, reason = "the bench sums groups, the test does not")]
    pub fn merge(&mut self, other: &Self) {
        self.images += other.images;
        self.hits += other.hits;
        self.wrong += other.wrong;
        self.times.extend(&other.times);
    }

    #[allow(dead_code, reason = "the bench prints times, the test does not")]
    pub fn percentile(&mut self, percent: usize) -> u64 {
        self.times.sort_unstable();
        let index = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
        self.times.get(index).copied().unwrap_or(0)
    }
}
