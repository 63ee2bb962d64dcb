//! Codes that central draws in a terminal, read off the drawing by the reader of the till.

use crate::process::{Central, run, terminal_program};
use serde_json::Value;

/// Pixels a module.
const SCALE: usize = 6;

/// The drawing as a picture (PGM), dark on light as a terminal shows it.
fn picture(drawing: &[&str]) -> Vec<u8> {
    let row = |line: &str, dark: [char; 2]| -> Vec<u8> {
        let grey = |letter| if dark.contains(&letter) { 0 } else { 255 };
        line.chars().flat_map(|letter| [grey(letter); SCALE]).collect()
    };
    let halves = |line: &&str| [row(line, ['█', '▀']), row(line, ['█', '▄'])];
    let rows: Vec<Vec<u8>> = drawing.iter().flat_map(halves).collect();
    let (width, height) = (rows[0].len(), rows.len() * SCALE);
    let mut pgm = format!("P5 {width} {height} 255\n").into_bytes();
    rows.iter().for_each(|row| (0..SCALE).for_each(|_| pgm.extend(row)));
    pgm
}

#[test]
fn what_central_draws_is_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 100, 5, 10);
    for (arguments, kind) in [
        (&["badge", "--staff", "101"][..], "badge"),
        (&["enrol-code", "--store", "S001"], "enrolment"),
    ] {
        let told = central.tell(&[arguments, &["--qr"]].concat());
        let lines: Vec<&str> = told.lines().collect();
        let is_drawn = |line: &&str| !line.is_empty() && line.chars().all(|c| " █▀▄".contains(c));
        let drawing: Vec<&str> = lines.iter().copied().filter(|line| is_drawn(line)).collect();
        let file = directory.path().join(format!("{kind}.pgm"));
        std::fs::write(&file, picture(&drawing)).unwrap();
        let read = run(&terminal_program(), &["scan", "--json", file.to_str().unwrap()]);
        let read: Value = serde_json::from_str(read.lines().next().unwrap()).unwrap();
        assert_eq!(read["codes"][0]["text"], lines[0], "{told}");
        assert_eq!(read["codes"][0]["meaning"]["kind"], kind, "{told}");
        // A script takes the last line of `enrol-code`.
        assert!(kind == "badge" || lines[0].ends_with(&format!("|{}", lines.last().unwrap())));
    }
}
