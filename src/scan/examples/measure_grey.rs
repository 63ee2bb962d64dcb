//! Measures the grey reader by itself over the photographs beside the project, set by set.
//!
//! `cargo run --release -p crossroads-scan --example measure_grey [-- --verbose] [set...]`. Nothing
//! but the grey reader with its own search looks at the pictures, so that what it adds and what it
//! costs is seen apart from the rest. In pictures that show several codes, the truth names one.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool that prints a table")]

use scan::grey::{Candidate, Effort, GreyRead, Workspace};
use scan::image;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest side that is looked at whole; larger pictures are shrunk by whole factors.
const SIDE_MAX: usize = 1800;

/// CPU time of this thread: what else the machine does is of no interest.
fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

struct Row {
    images: u32,
    hits: u32,
    wrong: u32,
    candidates: u32,
    times_ms: Vec<f64>,
    candidate_ms_max: f64,
}

fn pictures(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>());
    let mut paths: Vec<PathBuf> = entries.unwrap_or_default().iter().map(|e| e.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "png" || e == "jpg"));
    paths.sort();
    paths
}

/// Whether the digits are those of the truth, or its expansion, or all but its add-on.
fn is_right(truth: &str, read: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches('0').to_owned();
    let expanded = domain::gtin::expand_upc_e(read).unwrap_or_default();
    // Element strings of DataBar, in sets whose truth is the GTIN or the element string.
    let element = |text: &str| match text.trim().strip_prefix("01") {
        Some(gtin) if gtin.len() == 14 => bare(gtin),
        _ => bare(text),
    };
    let (truth, read_bare) = (element(truth), element(read));
    truth == read_bare || truth == bare(&expanded) || truth.starts_with(read)
}

fn measure(name: &str, folder: &Path, is_verbose: bool, workspace: &mut Workspace) {
    let mut row = Row {
        images: 0,
        hits: 0,
        wrong: 0,
        candidates: 0,
        times_ms: Vec::new(),
        candidate_ms_max: 0.0,
    };
    let is_negative = ["falsepositives", "partial", "unsupported"].iter().any(|n| name.contains(n));
    for path in pictures(folder) {
        let truth = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        let Ok(frame) = image::decode(&std::fs::read(&path).unwrap()) else { continue };
        let luma = frame.view().unwrap();
        let begin = cpu_time();
        let factor = luma.width().max(luma.height()).div_ceil(SIDE_MAX);
        let mut reads: Vec<GreyRead> = Vec::new();
        for factor in [factor, factor * 2] {
            let shrunk = luma.shrunk(factor);
            let view = shrunk.view().unwrap();
            let mut candidates: Vec<Candidate> = Vec::new();
            workspace.find(&view, &mut candidates);
            for candidate in candidates {
                for band in candidate.bands() {
                    let begin = cpu_time();
                    let read = match is_verbose {
                        true => workspace.consider(&view, &band),
                        false => workspace.read(&view, &band, Effort::Thorough, &|_| true),
                    };
                    row.candidates += 1;
                    let ms = (cpu_time() - begin).as_secs_f64() * 1e3;
                    row.candidate_ms_max = row.candidate_ms_max.max(ms);
                    reads.extend(read);
                    if read.is_some_and(|read| read.is_believed()) {
                        break;
                    }
                }
            }
        }
        row.times_ms.push((cpu_time() - begin).as_secs_f64() * 1e3);
        row.images += 1;
        let is_hit = |read: &GreyRead| !is_negative && is_right(&truth, read.text.as_str());
        let believed: Vec<&GreyRead> = reads.iter().filter(|read| read.is_believed()).collect();
        row.hits += u32::from(believed.iter().any(|read| is_hit(read)));
        let is_wrong = !believed.is_empty() && !believed.iter().any(|read| is_hit(read));
        row.wrong += u32::from(is_wrong);
        if is_verbose || is_wrong {
            let file = path.file_name().unwrap().to_string_lossy();
            println!("{name}/{file} [{}]", truth.trim());
            for read in &reads {
                let GreyRead { margin, half_margin, unexplained, module_px, blur_modules, .. } =
                    read;
                let mark = match (read.is_believed(), is_hit(read)) {
                    (true, true) => "hit  ",
                    (true, false) => "WRONG",
                    (false, true) => "right",
                    (false, false) => "-    ",
                };
                println!(
                    "  {mark} {:<13} margin {margin:7.1} half {half_margin:6.1} unexplained \
                     {unexplained:.4} module {module_px:.2} blur {blur_modules:.2}",
                    read.text.as_str()
                );
            }
        }
    }
    if row.images > 0 {
        row.times_ms.sort_by(f64::total_cmp);
        let mid = row.times_ms[row.times_ms.len() / 2];
        println!(
            "{name:28} {:4} images {:4} hits {:3} wrong | {:4} candidates, {mid:6.1} ms a picture \
             (median), {:5.1} ms the dearest candidate",
            row.images, row.hits, row.wrong, row.candidates, row.candidate_ms_max
        );
    }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/barcodes");
    if !root.is_dir() {
        println!("SKIPPED: no photographs at ../shared/corpora/barcodes");
        return;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_verbose = arguments.iter().any(|argument| argument == "--verbose");
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let mut workspace = Workspace::new();
    for engine in ["zxing", "zxing-cpp"] {
        let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join(engine))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        folders.sort();
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            let name = format!("{engine}/{}", folder.file_name().unwrap().to_string_lossy());
            if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
                measure(&name, folder, is_verbose, &mut workspace);
            }
        }
    }
}
