//! Every view on one sheet: three devices, light and dark, five languages, so that a change of a token or a
//! word is seen at a glance. The pictures are painted by the same window and the same renderer as on the floor.

use super::Window;
use super::headless::{Headless, HeadlessError, Picture};
use super::sample::{LANGUAGES, Sample, Scene, Sheet, samples};
use crate::app::intent::Language;
use crate::app::viewfinder::{
    Corners, Diagnosis, EvidenceRow, Frame, Hint, Mark, MarkKind, SaveState, StageRow, TorchState,
};
use crossroads_ui::{DeliveryAdapter, DiagnosticsAdapter, SellAdapter};
use slint::{ComponentHandle, Model};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// A screen that Crossroads is made for: physical pixels, and the factor that makes 10 mm 63 logical pixels.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// For file names.
    pub name: &'static str,
    /// Physical pixels.
    pub width: u32,
    /// Physical pixels.
    pub height: u32,
    /// Pixels per inch divided by 160.
    pub scale_factor: f32,
}

/// 5.0 inch handheld, 5.5 inch handheld, 10.1 inch tablet.
pub const DEVICES: [Device; 3] = [
    Device { name: "480x800", width: 480, height: 800, scale_factor: 1.17 },
    Device { name: "720x1280", width: 720, height: 1_280, scale_factor: 1.67 },
    Device { name: "1280x800", width: 1_280, height: 800, scale_factor: 0.93 },
];

/// A 4 inch handheld: the smallest that must still work.
pub const SMALLEST: Device =
    Device { name: "480x800-4in", width: 480, height: 800, scale_factor: 1.46 };

/// What is painted.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Screens.
    pub devices: Vec<Device>,
    /// Languages.
    pub languages: Vec<Language>,
    /// Light (false), dark (true).
    pub themes: Vec<bool>,
    /// Only the samples whose name starts with one of these; all when empty.
    pub names: Vec<String>,
}

impl Selection {
    /// Everything.
    pub fn all() -> Self {
        Self {
            devices: DEVICES.to_vec(),
            languages: LANGUAGES.to_vec(),
            themes: vec![false, true],
            names: Vec::new(),
        }
    }

    /// One handheld and the tablet, light, in the longest language.
    pub fn quick() -> Self {
        Self {
            devices: vec![DEVICES[0], DEVICES[2]],
            languages: vec![Language::German],
            themes: vec![false],
            names: Vec::new(),
        }
    }

    fn includes(&self, sample: &Sample) -> bool {
        self.names.is_empty()
            || self.names.iter().any(|name| sample.name.starts_with(name.as_str()))
    }

    /// A name that fits nothing is a mistake of the hand, and no pictures are no answer to it.
    fn check(&self) -> Result<(), SheetError> {
        let known: Vec<&str> =
            samples(Language::English).iter().map(|sample| sample.name).collect();
        let is_known = |name: &str| known.iter().any(|known| known.starts_with(name));
        match self.names.iter().find(|name| !is_known(name)) {
            Some(name) => Err(SheetError::Name { name: name.clone(), known: known.join(", ") }),
            None => Ok(()),
        }
    }
}

/// Why no sheet came about.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// No view is called so.
    #[error("no view's name begins with `{name}`; there are {known}")]
    Name {
        /// What was asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// A picture could not be painted or written.
    #[error("cannot paint the sheet")]
    Paint(#[source] HeadlessError),
    /// The window could not be created.
    #[error("cannot create the window")]
    Window(#[source] slint::PlatformError),
    /// The folder could not be created.
    #[error("cannot create the folder {path}")]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The window on a display in memory, with a clock that moves by hand.
pub struct Studio {
    headless: Headless,
    window: Window,
    now_ms: Rc<Cell<u64>>,
}

impl Studio {
    /// Sets up the studio; once in a thread, and instead of any other display.
    ///
    /// # Errors
    /// A display was chosen before.
    pub fn new() -> Result<Self, SheetError> {
        let now_ms = Rc::new(Cell::new(0));
        let clock = Rc::clone(&now_ms);
        let headless = Headless::install(Rc::new(move || Duration::from_millis(clock.get())))
            .map_err(SheetError::Paint)?;
        let window = Window::new().map_err(SheetError::Window)?;
        window.connect(|_| {}, |_| false);
        window.app().show().map_err(SheetError::Window)?;
        Ok(Self { headless, window, now_ms })
    }

    /// The window, to put something special on it.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The display, to touch it.
    pub fn display(&self) -> &Headless {
        &self.headless
    }

    /// Lets time pass, so that animations and timers end.
    pub fn pass(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get() + ms);
        self.headless.settle();
    }

    /// Paints one sample.
    pub fn paint(&self, sample: &Sample, device: Device, is_dark: bool) -> Picture {
        self.stage(sample, device, is_dark);
        self.headless.picture()
    }

    /// Sets one sample up without painting it.
    pub fn stage(&self, sample: &Sample, device: Device, is_dark: bool) {
        let mut screen = sample.screen.clone();
        screen.dark = is_dark;
        self.headless.resize(device.width, device.height, device.scale_factor);
        // Through an empty screen, so that each picture starts from the same state.
        let blank = crate::app::screen::Screen { language: screen.language, ..Default::default() };
        self.window.show(&blank);
        self.pass(5_000);
        self.window.show(&screen);
        self.pass(10);
        self.stage_camera(&sample.scene);
        self.stage_sheet(sample.scene.sheet);
        self.window.app().global::<DeliveryAdapter>().set_step(sample.delivery_step);
        self.pass(500);
    }
}

impl Studio {
    /// What is opened over the basket by a tap.
    fn stage_sheet(&self, sheet: Sheet) {
        let sell = self.window.app().global::<SellAdapter>();
        sell.set_is_more_open(sheet == Sheet::More);
        if sheet == Sheet::BasketCode
            && let Some(basket) = sell.get_parked().row_data(0)
        {
            sell.invoke_show_basket_code(basket);
        }
    }

    /// What the camera sees, and what is said about it.
    fn stage_camera(&self, scene: &Scene) {
        let (mut luma, corners) = shelf_frame();
        if scene.advice == Hint::TooDark {
            luma.iter_mut().for_each(|grey| *grey /= 6);
        }
        let (preview, app) = (self.window.preview(), self.window.app());
        preview.post(&luma, FRAME_WIDTH, FRAME_HEIGHT);
        if scene.has_still {
            preview.still(&super::sample::count::shelf());
        }
        if !scene.is_unread {
            preview.outline(corners);
        }
        // From nothing to what is said, as it comes on the floor.
        preview.torch(TorchState::None);
        self.pass(10);
        preview.advise(scene.advice);
        preview.torch(scene.torch);
        let view = app.global::<DiagnosticsAdapter>();
        view.set_is_open(scene.diagnosis.is_some());
        view.set_is_held(scene.diagnosis.as_ref().is_some_and(|save| *save != SaveState::None));
        preview.saved(scene.diagnosis.clone().unwrap_or_default());
        if scene.diagnosis.is_some() {
            preview.diagnose(diagnosis(luma, corners, scene));
        }
    }
}

/// A look at the shelf: as the floor has it, or one at which nothing is read.
fn diagnosis(luma: Vec<u8>, corners: Corners, scene: &Scene) -> Diagnosis {
    let picture =
        Frame { luma, width: FRAME_WIDTH, height: FRAME_HEIGHT, stride: FRAME_WIDTH, taken_ms: 0 };
    let turn = corners.map(|(x, y)| (x - 0.01, y + 0.012));
    let dots = [(0.62, 0.66), (0.78, 0.66), (0.78, 0.86), (0.62, 0.86)];
    let mut marks = vec![
        Mark { kind: MarkKind::Bars, corners: turn },
        Mark { kind: MarkKind::Patch, corners: dots },
    ];
    let row = |text: &str, votes, demanded, is_known| EvidenceRow {
        symbology: "EAN-13".to_owned(),
        text: text.to_owned(),
        strategy: if demanded == 0 { "located" } else { "aim-rows" }.to_owned(),
        votes,
        demanded,
        frames: 2,
        is_known,
    };
    let mut evidence = vec![row("9521234567890", 1, 3, Some(false))];
    if !scene.is_unread {
        marks.push(Mark { kind: MarkKind::Read, corners });
        evidence.insert(0, row("9521234567899", 7, 0, Some(true)));
    }
    let stage = |stage: &str, time: &str, percent| StageRow {
        stage: stage.to_owned(),
        time: time.to_owned(),
        percent,
    };
    Diagnosis {
        picture,
        marks,
        evidence,
        bars: 2,
        degrees: Some(4),
        patches: 1,
        brightness: Some(61),
        sharpness: Some(if scene.is_unread { 22 } else { 97 }),
        hint: scene.advice,
        time: "9 ms".to_owned(),
        stages: vec![
            stage("remembered", "0 µs", 0),
            stage("aim-rows", "640 µs", 7),
            stage("survey", "2 ms", 24),
            stage("bars", "950 µs", 10),
            stage("patches", "2 ms", 22),
            stage("dear", "3 ms", 36),
            stage("choice", "12 µs", 0),
        ],
        camera: "HD Pro Webcam C920: HD Pro Webcam".to_owned(),
        format: "YUYV 1280 × 720".to_owned(),
        frames_per_second: Some(30),
        looks_per_second: Some(15),
        dropped_percent: Some(50),
        ..Diagnosis::default()
    }
}

/// Paints `selection` into `folder`, one folder a language, and a sheet of all pictures a folder; reports each
/// picture to `progress` (done, of how many) and stops early when that returns false.
///
/// # Errors
/// The folder or a picture cannot be written, or a name fits no view.
pub fn paint_all(
    folder: &Path,
    selection: &Selection,
    mut progress: impl FnMut(usize, usize) -> bool,
) -> Result<usize, SheetError> {
    selection.check()?;
    let studio = Studio::new()?;
    let of_language = |&language: &Language| -> Vec<Sample> {
        samples(language).into_iter().filter(|sample| selection.includes(sample)).collect()
    };
    let total =
        selection.languages.iter().map(|language| of_language(language).len()).sum::<usize>()
            * selection.devices.len()
            * selection.themes.len();
    let mut done = 0;
    for language in &selection.languages {
        for device in &selection.devices {
            for &is_dark in &selection.themes {
                let theme = if is_dark { "dark" } else { "light" };
                let room =
                    folder.join(folder_name(*language)).join(format!("{}-{theme}", device.name));
                std::fs::create_dir_all(&room)
                    .map_err(|source| SheetError::Folder { path: room.clone(), source })?;
                let mut pictures = Vec::new();
                for sample in of_language(language) {
                    let picture = studio.paint(&sample, *device, is_dark);
                    picture
                        .save(&room.join(format!("{}.png", sample.name)))
                        .map_err(SheetError::Paint)?;
                    pictures.push(halve(&picture));
                    done += 1;
                    if !progress(done, total) {
                        return Ok(done);
                    }
                }
                let sheet = tile(&pictures, if device.width > device.height { 4 } else { 7 });
                sheet.save(&room.with_extension("png")).map_err(SheetError::Paint)?;
            }
        }
    }
    Ok(done)
}

/// The folder of a language, as in `assets/lang`.
fn folder_name(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::French => "fr",
        Language::German => "de",
        Language::SimplifiedChinese => "zh-Hans",
        Language::TraditionalChinese => "zh-Hant",
    }
}

/// Half the size, each pixel the mean of four.
fn halve(picture: &Picture) -> Picture {
    let (width, height) = (picture.width / 2, picture.height / 2);
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    let at = |x: u32, y: u32, channel: u32| {
        u16::from(picture.rgb[((y * picture.width + x) * 3 + channel) as usize])
    };
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let sum = at(2 * x, 2 * y, channel)
                    + at(2 * x + 1, 2 * y, channel)
                    + at(2 * x, 2 * y + 1, channel)
                    + at(2 * x + 1, 2 * y + 1, channel);
                rgb.push((sum / 4) as u8);
            }
        }
    }
    Picture { width, height, rgb }
}

/// Lays pictures of equal size side by side on a grey ground.
fn tile(pictures: &[Picture], columns: usize) -> Picture {
    const GAP: usize = 12;
    const GROUND: u8 = 120;
    let Some(first) = pictures.first() else {
        return Picture { width: 1, height: 1, rgb: vec![GROUND; 3] };
    };
    let (wide, high) = (first.width as usize, first.height as usize);
    let columns = columns.min(pictures.len());
    let rows = pictures.len().div_ceil(columns);
    let (width, height) = (columns * (wide + GAP) + GAP, rows * (high + GAP) + GAP);
    let mut rgb = vec![GROUND; width * height * 3];
    for (position, picture) in pictures.iter().enumerate() {
        let (left, top) =
            (GAP + position % columns * (wide + GAP), GAP + position / columns * (high + GAP));
        for (y, row) in picture.rgb.chunks(wide * 3).enumerate() {
            let start = ((top + y) * width + left) * 3;
            rgb[start..start + row.len()].copy_from_slice(row);
        }
    }
    Picture { width: width as u32, height: height as u32, rgb }
}

const FRAME_WIDTH: usize = 640;
const FRAME_HEIGHT: usize = 480;

/// A grey picture as the camera would give it: a carton on a shelf with an EAN-13 on it, and the corners of the
/// code in fractions of it. Drawn, so that the sheet needs no photograph.
fn shelf_frame() -> (Vec<u8>, Corners) {
    // Left half of 9521234567890 in the sets L and G, middle, right half in R (ISO/IEC 15420).
    const BARS: &str = concat!(
        "101", "0110001", "0010011", "0011001", "0010011", "0111101", "0011101", "01010",
        "1010000", "1000100", "1001000", "1110100", "1110010", "1100110", "101",
    );
    let mut frame = vec![0_u8; FRAME_WIDTH * FRAME_HEIGHT];
    let (left, top, module, tall) = (180.0_f32, 165.0_f32, 2.9_f32, 150.0_f32);
    let slope = 0.06_f32;
    for y in 0..FRAME_HEIGHT {
        for x in 0..FRAME_WIDTH {
            let (fx, fy) = (x as f32, y as f32);
            let (u, v) = (fx - slope * (fy - top) - left, fy + slope * (fx - left) - top);
            let wall = 88.0 + 22.0 * ((fx * 0.004).sin() + (fy * 0.006).cos());
            let on_carton = (-90.0..380.0).contains(&u) && (-110.0..260.0).contains(&v);
            let on_label = (-24.0..300.0).contains(&u) && (-24.0..184.0).contains(&v);
            let in_code = (0.0..95.0 * module).contains(&u) && (0.0..tall).contains(&v);
            let grey = if in_code {
                let bar = BARS.as_bytes().get((u / module) as usize).copied();
                if bar == Some(b'1') { 42.0 } else { 222.0 }
            } else if on_label {
                226.0
            } else if on_carton {
                168.0 - 0.05 * fx + if v > 200.0 { -26.0 } else { 0.0 }
            } else {
                wall
            };
            // A little noise of the sensor, the same on every run.
            let noise = ((x * 73 + y * 151 + (x * y) % 97) % 9) as f32 - 4.0;
            frame[y * FRAME_WIDTH + x] = (grey + noise).clamp(0.0, 255.0) as u8;
        }
    }
    let place = |u: f32, v: f32| {
        let fy = (v + top - slope * u) / (1.0 + slope * slope);
        (u + left + slope * (fy - top), fy)
    };
    let wide = 95.0 * module;
    let corners = [place(0.0, 0.0), place(wide, 0.0), place(wide, tall), place(0.0, tall)];
    (frame, corners.map(|(x, y)| (x / FRAME_WIDTH as f32, y / FRAME_HEIGHT as f32)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_that_fits_nothing_is_told_with_those_that_do() {
        let only = |names: &[&str]| Selection {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Selection::quick()
        };
        for names in [&[][..], &["sell"], &["parked-code", "pay"]] {
            only(names).check().unwrap();
        }
        for names in [&["nosuch"][..], &["sell", "nosuch"]] {
            let words = only(names).check().unwrap_err().to_string();
            assert!(words.starts_with("no view's name begins with `nosuch`"), "{words}");
            assert!(words.contains("enrol, ") && words.contains("parked-code"), "{words}");
        }
    }

    #[test]
    fn every_sample_has_a_name_of_its_own() {
        for language in LANGUAGES {
            let names: Vec<_> = samples(language).iter().map(|sample| sample.name).collect();
            let different: std::collections::BTreeSet<_> = names.iter().collect();
            assert_eq!(different.len(), names.len());
        }
    }
}
