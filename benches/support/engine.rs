//! The readers that `./dev bench scan` compares, all given the same grey pixels.
//!
//! Ours, rxing as it comes, and zxing-cpp in a Python process of its own. Each says what it read and how long reading
//! alone took. Where Python or its package is missing, zxing-cpp is left out with a word, and the rest goes on.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures time and may fail"
)]

use super::corpus::Found;
use rxing::{BarcodeFormat, DecodeHints};
use scan::decode::View;
use scan::{Clock, Decoder, Frame, MonotonicClock, Options};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// CPU time of this thread: what else the machine does is of no interest.
pub fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// What a reader made of one picture.
pub struct Reading {
    pub found: Vec<Found>,
    pub micros: u64,
}

/// A reader under comparison.
pub trait Engine {
    fn name(&self) -> String;
    fn read(&mut self, frame: &Frame) -> Reading;

    /// Reads every code in a picture that shows several.
    fn read_all(&mut self, frame: &Frame) -> Reading {
        self.read(frame)
    }
}

/// When a look at a still takes up nothing new, as in `crossroads scan`.
const STILL_MS_MAX: u64 = 1500;

/// Ours, as `crossroads scan` uses it.
pub struct Ours {
    clock: MonotonicClock,
    decoder: Decoder,
}

impl Default for Ours {
    fn default() -> Self {
        Self { clock: MonotonicClock::start(), decoder: Decoder::new(Options::default()) }
    }
}

impl Engine for Ours {
    fn name(&self) -> String {
        "ours".into()
    }

    fn read(&mut self, frame: &Frame) -> Reading {
        let begin = cpu_time();
        let deadline_ms = self.clock.now_ms() + STILL_MS_MAX;
        let is_late = || self.clock.now_ms() >= deadline_ms;
        let reads = frame.view().map(|luma| self.decoder.study(luma, &is_late)).unwrap_or_default();
        let micros = (cpu_time() - begin).as_micros() as u64;
        Reading { found: reads.into_iter().map(Found::from).collect(), micros }
    }
}

/// Ours, as a camera that is held still uses it: the picture is every frame of a second.
#[derive(Default)]
pub struct OursInAStream(Ours);

/// Frames of a second, and when a look at one takes up nothing new, as in a clip.
const FRAMES: u64 = 30;
const FRAME_MS: u64 = 33;
const FRAME_MS_MAX: u64 = 100;

impl Engine for OursInAStream {
    fn name(&self) -> String {
        "ours in a stream".into()
    }

    /// The time is that of the slowest look.
    fn read(&mut self, frame: &Frame) -> Reading {
        self.look(frame, View::Aimed)
    }

    fn read_all(&mut self, frame: &Frame) -> Reading {
        self.look(frame, View::All)
    }
}

impl OursInAStream {
    /// Looks for a second, or until the one that is aimed at is read.
    fn look(&mut self, frame: &Frame, view: View) -> Reading {
        let Ours { clock, decoder } = &mut self.0;
        *decoder = Decoder::new(Options::default().viewing(view));
        let (mut found, mut micros) = (Vec::<Found>::new(), 0);
        let Some(luma) = frame.view() else { return Reading { found, micros } };
        for index in 0..FRAMES {
            let begin = cpu_time();
            let deadline_ms = clock.now_ms() + FRAME_MS_MAX;
            let reads = decoder.look(luma, 1 + index * FRAME_MS, &|| clock.now_ms() >= deadline_ms);
            micros = micros.max((cpu_time() - begin).as_micros() as u64);
            for read in reads.into_iter().map(Found::from) {
                if !found.contains(&read) {
                    found.push(read);
                }
            }
            if view == View::Aimed && !found.is_empty() {
                break;
            }
        }
        Reading { found, micros }
    }
}

/// rxing's own front door with its `TRY_HARDER`, retail formats.
pub struct Rxing;

const RETAIL: [BarcodeFormat; 10] = [
    BarcodeFormat::EAN_13,
    BarcodeFormat::EAN_8,
    BarcodeFormat::UPC_A,
    BarcodeFormat::UPC_E,
    BarcodeFormat::CODE_128,
    BarcodeFormat::ITF,
    BarcodeFormat::RSS_14,
    BarcodeFormat::RSS_EXPANDED,
    BarcodeFormat::QR_CODE,
    BarcodeFormat::DATA_MATRIX,
];

impl Engine for Rxing {
    fn name(&self) -> String {
        "rxing".into()
    }

    fn read(&mut self, frame: &Frame) -> Reading {
        let luma = frame.view().unwrap().to_frame().luma;
        let (width, height) = (frame.width as u32, frame.height as u32);
        let mut hints = DecodeHints {
            TryHarder: Some(true),
            PossibleFormats: Some(HashSet::from(RETAIL)),
            ..DecodeHints::default()
        };
        let begin = cpu_time();
        let look =
            || rxing::helpers::detect_in_luma_with_hints(luma, width, height, None, &mut hints);
        let read = catch_unwind(AssertUnwindSafe(look)).ok().and_then(Result::ok);
        let micros = (cpu_time() - begin).as_micros() as u64;
        let text = |read: rxing::RXingResult| match read.getBarcodeFormat() {
            // It writes the elements with brackets that no symbol carries.
            BarcodeFormat::RSS_EXPANDED => read.getText().replace(['(', ')'], ""),
            _ => read.getText().to_owned(),
        };
        Reading { found: read.map(text).map(Found::text).into_iter().collect(), micros }
    }
}

/// zxing-cpp, asked through a pipe.
pub struct ZxingCpp {
    child: Child,
    output: BufReader<ChildStdout>,
    version: String,
}

impl ZxingCpp {
    /// Starts `benches/support/zxing_cpp.py` with the Python that `./dev bench scan` named.
    pub fn start() -> Result<Self, String> {
        let python = std::env::var("ZXING_CPP_PYTHON").map_err(|_| {
            "no Python with zxing-cpp was named: start me as ./dev bench scan".to_owned()
        })?;
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/support/zxing_cpp.py");
        let mut child = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{python} does not start: {error}"))?;
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).map_err(|error| error.to_string())?;
        let answer: serde_json::Value =
            serde_json::from_str(&line).map_err(|_| "its script ended at once".to_owned())?;
        let version = answer["version"].as_str().unwrap_or("").to_owned();
        Ok(Self { child, output, version })
    }
}

impl Engine for ZxingCpp {
    fn name(&self) -> String {
        format!("zxing-cpp {}", self.version)
    }

    fn read(&mut self, frame: &Frame) -> Reading {
        let pixels = frame.view().unwrap().to_frame();
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{} {}", pixels.width, pixels.height).unwrap();
        input.write_all(&pixels.luma).unwrap();
        input.flush().unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
        let found = answer["found"].as_array().unwrap().iter().map(|one| Found {
            text: one[0].as_str().unwrap_or("").to_owned(),
            add_on: one[1].as_str().map(str::to_owned),
        });
        Reading { found: found.collect(), micros: answer["micros"].as_u64().unwrap() }
    }
}

impl Drop for ZxingCpp {
    fn drop(&mut self) {
        // Its script ends with its input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
