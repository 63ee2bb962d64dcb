//! Codes that we make ourselves: drawn by central in a terminal, printed by the till on a slip, and read again.

use crate::process::{Central, Terminal, run, terminal_program};
use crate::script::scan;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

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

/// A till with a printer, enrolled and signed in.
pub fn till_with_printer(central: &Central, data: &Path, printer: &str) -> Terminal {
    let mut command = Command::new(terminal_program());
    command.args(["drive", "--data", data.to_str().unwrap(), "--printer", printer]);
    let mut terminal = Terminal::spawn_with(command, Stdio::null());
    terminal.enrol(central);
    terminal.sign_in();
    terminal
}

/// The text of the QR code on a slip, once it is printed.
fn code_on_slip(folder: &Path) -> String {
    for _ in 0..200 {
        let slip = std::fs::read_to_string(folder.join("receipt-000001.txt")).unwrap_or_default();
        if let Some((code, _)) = slip.split_once("[QR ").and_then(|(_, rest)| rest.split_once(']'))
        {
            return code.to_owned();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no slip was printed");
}

#[test]
fn a_basket_is_taken_up_by_its_slip() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 100, 5, 10);
    let paper = directory.path().join("paper");
    let printer = format!("simulated:{}", paper.display());
    let mut till = till_with_printer(&central, &directory.path().join("terminal"), &printer);
    till.done(scan(1));
    till.done(scan(2));
    let parked = till.done(json!({"do": "park"}));
    let code = code_on_slip(&paper);
    assert_eq!(parked["data"]["parked"][0]["code"], json!(code));
    till.done(scan(3));
    till.done(json!({"do": "clear"}));
    let back = till.done(json!({"do": "scan", "text": code, "symbology": "QR Code"}));
    assert_eq!(back["message"]["code"], "basket-resumed");
    assert_eq!(back["data"]["lines"].as_array().unwrap().len(), 2);
    till.quit();
}

#[test]
fn a_printer_that_fails_keeps_no_basket_from_being_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 100, 5, 10);
    // A printer that is switched off in the middle, late enough for the next command to hear of it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let printer = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let line = listener.accept();
        std::thread::sleep(Duration::from_millis(400));
        drop(line);
    });
    let mut till = till_with_printer(&central, &directory.path().join("terminal"), &printer);
    till.done(scan(1));
    let parked = till.done(json!({"do": "park"}));
    assert_eq!(parked["data"]["parked"].as_array().unwrap().len(), 1);
    let heard = till.ask(json!({"do": "wait", "until": "offline", "timeout_ms": 3_000}));
    assert_eq!(heard["message"]["code"], "slip-failed", "{heard}");
    till.done(json!({"do": "resume"}));
    till.quit();
}
