//! The demo camera's pictures are read in stream mode, each as the article that its name says.

#![allow(clippy::unwrap_used)]

use domain::code::{Code, Symbology};
use scan::Clock;
use scan::{Decoder, MonotonicClock, Options, image};
use std::path::{Path, PathBuf};

fn frames() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/frames");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jpg"));
    paths.sort();
    paths
}

#[test]
fn every_demo_frame_is_read_within_three_looks() {
    let paths = frames();
    assert_eq!(paths.len(), 24);
    let clock = MonotonicClock::start();
    for (index, path) in paths.iter().enumerate() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (number, gtin) = name.split_once('-').unwrap();
        assert_eq!(number.parse::<usize>().unwrap(), index + 1);
        assert!(gtin.starts_with(&format!("952{:09}", index + 1)), "{name}");
        let frame = image::decode(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!((frame.width, frame.height), (640, 480));
        let mut decoder = Decoder::new(Options::default());
        let begin_ms = clock.now_ms();
        let look = |turn: u64| decoder.look(frame.view().unwrap(), 1 + turn * 66, &|| false);
        let reads = (0..3).map(look).find(|reads| !reads.is_empty());
        let reads = reads.unwrap_or_else(|| panic!("{name} is not read"));
        assert!(clock.now_ms() - begin_ms < 2000, "{name} takes too long");
        assert_eq!(reads.len(), 1, "{name}");
        let code = Code::new(reads[0].symbology, &reads[0].text);
        assert_eq!((code.symbology, code.text.as_str()), (Symbology::Ean13, gtin));
        assert!(code.gtin().is_some());
        let outline = reads[0].outline;
        let width = outline[0].distance(outline[1]);
        assert!((95.0 * 2.1..95.0 * 3.1).contains(&width), "{name}: {width} pixels wide");
    }
}
