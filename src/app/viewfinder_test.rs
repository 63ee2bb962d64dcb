//! What the viewfinder says: calm, and true to what was measured.
#![allow(clippy::unwrap_used)]

use super::*;
use domain::code::Symbology;
use scan::confirm::Read;
use scan::trace::{Claim, FoundBars, Seen, Standing, Trace};
use scan::{Evidence, Strategy};

/// What is said over time when hints are heard one after the other, each for so many milliseconds.
fn said(heard: &[(Hint, u64)]) -> Vec<Hint> {
    const FRAME_MS: u64 = 66;
    let mut adviser = Adviser::default();
    let (mut now_ms, mut said) = (0, vec![Hint::None]);
    for (hint, ms) in heard {
        adviser.hear(*hint);
        for _ in 0..ms.div_ceil(FRAME_MS) {
            now_ms += FRAME_MS;
            let now = adviser.at(now_ms);
            if said.last() != Some(&now) {
                said.push(now);
            }
        }
    }
    said
}

/// One line, one case: what is heard and for how long, what a person sees one after the other.
#[test]
fn advice_is_calm() {
    use Hint::{HoldStill, MoveCloser, None, TooDark};
    for (heard, expected) in [
        (vec![(None, 5_000)], vec![None]),
        (vec![(HoldStill, 500), (None, 2_000)], vec![None]),
        (vec![(HoldStill, 900)], vec![None, HoldStill]),
        (vec![(HoldStill, 3_000), (None, 3_000)], vec![None, HoldStill, None]),
        (vec![(HoldStill, 3_000), (None, 200), (HoldStill, 900)], vec![None, HoldStill]),
        (vec![(HoldStill, 3_000), (TooDark, 3_000)], vec![None, HoldStill, TooDark]),
        (vec![(HoldStill, 1_000), (MoveCloser, 400), (HoldStill, 900)], vec![None, HoldStill]),
    ] {
        assert_eq!(said(&heard), expected, "{heard:?}");
    }
}

#[test]
fn advice_does_not_flicker_with_the_measurement() {
    let frames =
        (0..300).map(|frame| (if frame % 2 == 0 { Hint::HoldStill } else { Hint::MoveCloser }, 66));
    assert!(said(&frames.collect::<Vec<_>>()).len() <= 2, "two hints in turn say little");
    let mostly =
        (0..300).map(|frame| (if frame % 4 == 0 { Hint::None } else { Hint::TooDark }, 66));
    assert_eq!(said(&mostly.collect::<Vec<_>>()), [Hint::None, Hint::TooDark]);
}

#[test]
fn a_code_that_is_read_takes_the_advice_away() {
    let mut adviser = Adviser::default();
    adviser.hear(Hint::HoldStill);
    for now_ms in (0..2_000).step_by(66) {
        adviser.at(now_ms);
    }
    assert_eq!(adviser.at(2_000), Hint::HoldStill);
    adviser.rest();
    assert_eq!(adviser.at(2_010), Hint::None);
}

const LABEL: Outline = [
    Point::new(100.0, 100.0),
    Point::new(300.0, 100.0),
    Point::new(300.0, 180.0),
    Point::new(100.0, 180.0),
];

fn look(texts: &[(Symbology, &str)]) -> LookReport {
    let evidence =
        Evidence { strategy: Strategy::Located, votes: 3, frames: 2, is_known: Some(true) };
    let reads = texts.iter().map(|(symbology, text)| Read {
        symbology: *symbology,
        text: (*text).to_owned(),
        add_on: None,
        outline: LABEL,
        evidence,
    });
    LookReport {
        frame: Frame::filled(1280, 720, 90),
        reads: reads.collect(),
        trace: Trace {
            stages: vec![(Stage::AimRows, 340), (Stage::Survey, 1_660), (Stage::Bars, 2_000)],
            bars: vec![FoundBars { outline: LABEL, degrees: 179.8, score: 2.0 }],
            patches: vec![LABEL],
            seen: Some(Seen { brightness: 128.0, sharpness: 50.0, best_sharpness: 100.0 }),
            claims: vec![Claim {
                strategy: Strategy::Located,
                symbology: Symbology::Ean13,
                text: "4006381333931".into(),
                from: LABEL[0],
                to: LABEL[1],
            }],
            standing: vec![Standing {
                symbology: Symbology::Ean8,
                text: "96385074".into(),
                votes: 1,
                demanded: 3,
                frames: 1,
                is_known: None,
                strategy: Strategy::AimRows,
            }],
            hint: Hint::None,
        },
        look_us: 4_000,
        counts: Counts { frames: 30, decodes: 15, dropped: 15 },
        source: (
            SourceState::Camera { name: "HD Webcam".into() },
            Some(Mode {
                format: PixelFormat::Yuyv,
                width: 1280,
                height: 720,
                frames_per_second: 30,
            }),
        ),
    }
}

#[test]
fn a_look_is_told_in_few_rows() {
    let mut diagnostician = Diagnostician::default();
    let first = diagnostician.tell(&look(&[(Symbology::Ean13, "4006381333931")]), 1_000);
    assert_eq!((first.picture.width, first.picture.height), (640, 360));
    assert_eq!(first.format, "YUYV 1280 × 720");
    assert_eq!((first.brightness, first.sharpness), (Some(50), Some(50)));
    assert_eq!((first.bars, first.patches, first.degrees), (1, 1, Some(0)));
    assert_eq!(first.time, "4 ms");
    assert_eq!(first.stages[1].time, "340 µs");
    assert_eq!(first.stages[2].percent, 41);
    assert_eq!(first.evidence.len(), 2);
    assert_eq!((first.evidence[0].votes, first.evidence[0].demanded), (3, 0));
    assert_eq!((first.evidence[1].votes, first.evidence[1].demanded), (1, 3));
    assert_eq!(first.marks.len(), 3);
    assert_eq!(first.marks[2].corners[2], (300.0 / 1280.0, 180.0 / 720.0));
    assert_eq!(first.frames_per_second, None, "one look is no rate");
    // Two seconds later nothing is read: the last code stays on show and says so.
    let mut later = look(&[]);
    later.trace.standing.clear();
    later.counts = Counts { frames: 90, decodes: 45, dropped: 45 };
    let told = diagnostician.tell(&later, 3_000);
    assert!(told.is_earlier);
    assert_eq!(told.evidence[0].text, "4006381333931");
    assert_eq!(
        (told.frames_per_second, told.looks_per_second, told.dropped_percent),
        (Some(30), Some(15), Some(50))
    );
}

#[test]
fn a_report_names_goods_and_nothing_of_a_person() {
    let goods = [
        (Symbology::Ean13, "4006381333931"),
        (Symbology::Gs1DataMatrix, "010952123454321317261231"),
    ];
    let persons = [
        (Symbology::QrCode, "https://pay.example.org/281234567890"),
        (Symbology::QrCode, "XR1:R:T01-000123"),
        (Symbology::Code128, "CARD-4711-0815"),
    ];
    let seen: Vec<_> = goods.into_iter().chain(persons).collect();
    let text = report(&look(&seen), "crossroads 1", "2026-03-12T14:05:00Z").to_string();
    for (_, named) in goods {
        assert!(text.contains(named), "{named} is missing in {text}");
    }
    for (_, secret) in persons {
        assert!(!text.contains(secret), "{secret} stands in {text}");
    }
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["reads"].as_array().unwrap().len(), 5);
    assert_eq!(value["reads"][2]["length"], 36);
    assert_eq!(value["stages"][0]["stage"], "aim-rows");
    assert_eq!(value["standing"][0]["demanded"], 3);
    assert_eq!(value["camera"]["mode"]["format"], "YUYV");
}

#[test]
fn an_outline_is_in_fractions_and_a_wedge_has_none() {
    assert_eq!(corners_in(&LABEL, (400, 200)).unwrap()[1], (0.75, 0.5));
    assert_eq!(corners_in(&LABEL, (0, 0)), None);
}
