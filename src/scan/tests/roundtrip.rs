//! What rxing's writers draw, we read: every symbology that can be asked for, through picture
//! files.
//!
//! Codes are drawn by another hand than the one that reads EAN and UPC here, put on a page, turned,
//! saved as a picture and read as `crossroads scan` does.

#![allow(clippy::unwrap_used)]

mod frames;

use domain::code::Symbology;
use frames::turned;
use rxing::{BarcodeFormat, MultiFormatWriter, Writer};
use scan::still::{Report, decode_file, json_line, run_cli};
use scan::{Frame, MonotonicClock, Options};
use std::path::{Path, PathBuf};

/// Draws a code with `scale` pixels a module on a white page.
fn page(format: BarcodeFormat, text: &str, scale: usize) -> Frame {
    let is_matrix = matches!(format, BarcodeFormat::QR_CODE | BarcodeFormat::DATA_MATRIX);
    let bits = MultiFormatWriter.encode(text, &format, 1, 1).unwrap();
    let (columns, rows) = (bits.getWidth() as usize, bits.getHeight() as usize);
    let module_rows = if is_matrix { scale } else { 90 };
    let (width, height) = (columns * scale + 120, rows * module_rows + 120);
    let mut frame = Frame::filled(width, height, 235);
    for y in 0..rows * module_rows {
        for x in 0..columns * scale {
            if bits.get((x / scale) as u32, (y / module_rows) as u32) {
                frame.luma[(y + 60) * width + x + 60] = 25;
            }
        }
    }
    frame
}

fn save(folder: &Path, name: &str, frame: &Frame) -> PathBuf {
    let path = folder.join(name);
    let mut bytes = format!("P5\n# drawn\n{} {}\n255\n", frame.width, frame.height).into_bytes();
    bytes.extend(&frame.luma);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read(path: &Path, options: &Options) -> Vec<(Symbology, String)> {
    let result = decode_file(path, options, &MonotonicClock::start());
    assert!(result.error.is_none(), "{:?}", result.error);
    result.codes.into_iter().map(|code| (code.symbology, code.text)).collect()
}

/// One line, one case: format drawn, text drawn, symbology read, text read.
#[test]
fn every_symbology_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Options::READABLE.to_vec();
    all.push(Symbology::Codabar);
    let options = Options::only(&all);
    for (index, (format, drawn, symbology, text)) in [
        (BarcodeFormat::EAN_13, "4006381333931", Symbology::Ean13, "4006381333931"),
        (BarcodeFormat::EAN_13, "9520000000011", Symbology::Ean13, "9520000000011"),
        (BarcodeFormat::EAN_8, "95050003", Symbology::Ean8, "95050003"),
        (BarcodeFormat::UPC_A, "614141999996", Symbology::UpcA, "614141999996"),
        (BarcodeFormat::UPC_E, "01234505", Symbology::UpcE, "01234505"),
        (BarcodeFormat::UPC_E, "11234505", Symbology::UpcE, ""),
        (BarcodeFormat::CODE_128, "Shelf-42/b", Symbology::Code128, "Shelf-42/b"),
        (
            BarcodeFormat::CODE_128,
            "\u{f1}0109520000000011\u{f1}10A",
            Symbology::Gs1128,
            "0109520000000011\u{1d}10A",
        ),
        (BarcodeFormat::ITF, "19520000000018", Symbology::Itf14, "19520000000018"),
        (BarcodeFormat::ITF, "123456789012", Symbology::Itf, "123456789012"),
        (BarcodeFormat::CODE_39, "SHELF 7", Symbology::Code39, "SHELF 7"),
        (BarcodeFormat::CODE_93, "SHELF 93", Symbology::Code93, "SHELF 93"),
        (BarcodeFormat::CODABAR, "A12345678B", Symbology::Codabar, "12345678"),
        (BarcodeFormat::QR_CODE, "XR1:R:S1-T1-7", Symbology::QrCode, "XR1:R:S1-T1-7"),
        (BarcodeFormat::DATA_MATRIX, "Lot 42, Müsli", Symbology::DataMatrix, "Lot 42, Müsli"),
    ]
    .into_iter()
    .enumerate()
    {
        if text.is_empty() {
            // A wrong check digit: the writer may refuse it, and nothing may read it.
            assert!(MultiFormatWriter.encode(drawn, &format, 1, 1).is_err(), "{drawn}");
            continue;
        }
        let upright = page(format, drawn, 3);
        for (way, frame) in [("up", upright.clone()), ("side", turned(&upright))] {
            let path = save(folder.path(), &format!("{index}-{way}.pgm"), &frame);
            assert_eq!(read(&path, &options), [(symbology, text.to_owned())], "{drawn} {way}");
        }
        // Upside down, and only where it is asked for.
        let path = save(folder.path(), &format!("{index}-down.pgm"), &turned(&turned(&upright)));
        assert_eq!(read(&path, &options), [(symbology, text.to_owned())], "{drawn} down");
        let others: Vec<Symbology> =
            all.iter().copied().filter(|other| *other != symbology).collect();
        let found = read(&path, &Options::only(&others));
        assert!(found.is_empty(), "{drawn}: {found:?} was read as something else");
    }
}

#[test]
fn the_command_reports_every_file_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let good = save(folder.path(), "a.pgm", &page(BarcodeFormat::EAN_13, "9520000000011", 2));
    save(folder.path(), "b.pgm", &Frame::filled(90, 90, 200));
    std::fs::write(folder.path().join("c.pgm"), b"P5 640 480 255\nshort").unwrap();
    std::fs::write(folder.path().join("d.png"), b"\x89PNG\r\n\x1a\n truncated").unwrap();
    std::fs::write(folder.path().join("huge.pgm"), b"P5 60000 60000 255\n").unwrap();
    std::fs::write(folder.path().join("empty.JPG"), b"").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"no picture").unwrap();
    let clock = MonotonicClock::start();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let report = Report { is_json: true, has_progress: false };
    let paths = [folder.path().to_owned(), folder.path().join("missing.png")];
    let exit = run_cli(&paths, report, &Options::default(), &clock, &mut out, &mut err);
    assert_eq!(exit, 1);
    let lines: Vec<serde_json::Value> = std::str::from_utf8(&out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 7, "{lines:#?}");
    assert_eq!(lines[0]["file"], good.to_string_lossy().as_ref());
    assert_eq!(lines[0]["codes"][0]["symbology"], "EAN-13");
    assert_eq!(lines[0]["codes"][0]["text"], "9520000000011");
    assert_eq!(lines[0]["codes"][0]["meaning"]["kind"], "gtin");
    assert_eq!(lines[0]["codes"][0]["meaning"]["gtin"], "09520000000011");
    assert!(lines[0]["ms"].is_u64() && lines[0].get("error").is_none());
    assert_eq!(lines[1]["codes"], serde_json::json!([]));
    let words = ["ends early", "ends early", "no PNG", "megapixels", "read"];
    for (index, words) in words.into_iter().enumerate().map(|(at, words)| (at + 2, words)) {
        let error = lines[index]["error"].as_str().unwrap();
        assert!(error.contains(words), "{error}");
        assert!(lines[index].get("codes").is_none());
    }
    let exit = run_cli(&[good], Report::default(), &Options::default(), &clock, &mut out, &mut err);
    assert_eq!(exit, 0);
    assert!(String::from_utf8(out).unwrap().ends_with("a.pgm: EAN-13 9520000000011 (gtin)\n"));
}

#[test]
fn names_do_not_steer_the_terminal_and_an_empty_folder_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MonotonicClock::start();
    let run = |path: PathBuf| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let options = Options::default();
        let exit = run_cli(&[path], Report::default(), &options, &clock, &mut out, &mut err);
        (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (exit, out, err) = run(folder.path().to_owned());
    assert_eq!((exit, out.as_str()), (0, ""));
    assert!(err.contains("no picture"), "{err}");
    let label = page(BarcodeFormat::EAN_13, "9520000000011", 2);
    let (_, out, _) = run(save(folder.path(), "a\u{1b}[31m\u{202e}\nb.pgm", &label));
    assert!(out.contains(r"a\u{1b}[31m\u{202e}\u{a}b.pgm: EAN-13 9520000000011"), "{out}");
}

fn clip_of(frames: &[&Frame]) -> Vec<u8> {
    let (width, height) = (frames[0].width, frames[0].height);
    let mut bytes = format!("YUV4MPEG2 W{width} H{height} F25:1 C420jpeg\n").into_bytes();
    for frame in frames {
        bytes.extend(b"FRAME\n");
        bytes.extend(&frame.luma);
        bytes.extend(vec![128; 2 * width.div_ceil(2) * height.div_ceil(2)]);
    }
    bytes
}

#[test]
fn a_clip_yields_all_that_its_frames_show() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = page(BarcodeFormat::EAN_13, "9520000000011", 2);
    let other = page(BarcodeFormat::EAN_13, "4006381333931", 2);
    shelf.height += other.height;
    shelf.luma.extend(&other.luma);
    let path = folder.path().join("shelf.y4m");
    std::fs::write(&path, clip_of(&[&shelf; 5])).unwrap();
    let mut texts: Vec<String> =
        read(&path, &Options::default()).into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["4006381333931", "9520000000011"]);
}

#[test]
fn a_clip_adds_its_frames_up() {
    let folder = tempfile::tempdir().unwrap();
    let label = page(BarcodeFormat::EAN_13, "9520000000011", 2);
    let blank = Frame::filled(label.width, label.height, 200);
    let bytes = clip_of(&[&blank, &blank, &label, &label, &label, &label]);
    let path = folder.path().join("clip.y4m");
    std::fs::write(&path, &bytes).unwrap();
    let clock = MonotonicClock::start();
    let result = decode_file(&path, &Options::default(), &clock);
    assert!(result.error.is_none());
    assert_eq!(result.codes.len(), 1);
    assert_eq!(result.codes[0].text, "9520000000011");
    // Cut off inside the last frame: said, and what came before is kept.
    std::fs::write(&path, &bytes[..bytes.len() - 99]).unwrap();
    let result = decode_file(&path, &Options::default(), &clock);
    assert_eq!(result.codes.len(), 1);
    let line = json_line(&path, &result);
    assert!(line.contains("9520000000011") && line.contains("ends inside frame 6"), "{line}");
}
