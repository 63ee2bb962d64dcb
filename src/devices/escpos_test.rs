//! ESC/POS against a printer made of code on the loopback interface.

#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use std::net::TcpListener;
use std::thread::JoinHandle;

/// What a fake printer answers to `DLE EOT` 1, 2 and 4; `None` never answers.
type Answers = Option<[u8; 3]>;

const GOOD: Answers = Some([0x16, 0x12, 0x12]);

/// Serves one connection: answers status requests, returns all bytes that were to be printed.
fn printer(answers: Answers) -> (EscPos<Network>, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut printed, mut byte) = (Vec::new(), [0]);
        while stream.read(&mut byte).unwrap_or(0) == 1 {
            printed.push(byte[0]);
            if let [.., 0x10, 0x04, request] = printed[..] {
                printed.truncate(printed.len() - 3);
                if let Some([printer, cause, paper]) = answers {
                    let answer = [printer, cause, paper][usize::from(request / 2)];
                    stream.write_all(&[answer]).unwrap();
                }
            }
        }
        printed
    };
    let transport = Network::parse(&format!("127.0.0.1:{port}")).unwrap();
    (EscPos::new(transport), std::thread::spawn(serve))
}

fn receipt() -> ReceiptDocument {
    ReceiptDocument {
        lines: vec![
            ReceiptLine::Title("Crossroads".into()),
            ReceiptLine::Columns { left: "Müsli".into(), right: "4,90 €".into(), is_bold: true },
            ReceiptLine::Rule,
            ReceiptLine::Qr("XR1:R:S1-7".into()),
        ],
    }
}

#[test]
fn a_receipt_arrives_whole_and_is_cut() {
    let (mut printer, served) = printer(GOOD);
    printer.print(&receipt()).unwrap();
    drop(printer);
    let bytes = served.join().unwrap();
    assert!(bytes.starts_with(b"\x1b@\x1bt\x10\x1ba\x01\x1d!\x11Crossroads\n"));
    let line = [&b"\x1bE\x01M\xfcsli"[..], &b" ".repeat(31), b"4,90 \x80\n\x1bE\x00"].concat();
    assert!(bytes.windows(line.len()).any(|window| window == line), "{bytes:x?}");
    let qr = b"\x1d(k\x0d\x001P0XR1:R:S1-7\x1d(k\x03\x001Q0";
    assert!(bytes.windows(qr.len()).any(|window| window == qr));
    assert!(bytes.ends_with(b"\x1dVB\x03"));
}

/// One line, one case: what the printer answers, what is said.
#[test]
fn the_printer_is_asked_first() {
    let is = |answers: Answers| {
        let (mut printer, served) = printer(answers);
        let status = printer.status();
        drop(printer);
        served.join().unwrap();
        status
    };
    assert_eq!(is(GOOD).unwrap(), PrinterStatus { paper: Paper::Good, drawer: Drawer::SensorHigh });
    assert_eq!(is(Some([0x12, 0x12, 0x1e])).unwrap().paper, Paper::Low);
    assert_eq!(is(Some([0xff, 0xff, 0xff])).unwrap().paper, Paper::Unknown, "no status byte");
    assert_eq!(is(None).unwrap().paper, Paper::Unknown, "no answer");
    assert!(matches!(is(Some([0x1a, 0x16, 0x12])), Err(PrinterError::CoverOpen)));
    assert!(matches!(is(Some([0x1a, 0x32, 0x12])), Err(PrinterError::NoPaper)));
    assert!(matches!(is(Some([0x12, 0x12, 0x72])), Err(PrinterError::NoPaper)));
    assert!(matches!(is(Some([0x1a, 0x12, 0x12])), Err(PrinterError::Offline)));
}

#[test]
fn nothing_is_sent_to_a_printer_without_paper() {
    let (mut printer, served) = printer(Some([0x12, 0x12, 0x72]));
    assert!(matches!(printer.print(&receipt()), Err(PrinterError::NoPaper)));
    assert!(served.join().unwrap().is_empty());
}

#[test]
fn a_printer_that_never_answers_still_prints() {
    let (mut printer, served) = printer(None);
    printer.print(&receipt()).unwrap();
    assert!(served.join().unwrap().ends_with(CUT));
}

#[test]
fn the_drawer_opens() {
    let (mut printer, served) = printer(GOOD);
    printer.open_drawer().unwrap();
    assert_eq!(served.join().unwrap(), KICK);
}

#[test]
fn a_printer_that_is_not_there_is_said() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut printer = EscPos::new(Network::parse(&format!("127.0.0.1:{free}")).unwrap());
    assert!(matches!(printer.print(&receipt()), Err(PrinterError::Unreachable(_))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lp0");
    let mut printer = EscPos::new(DeviceFile::new(path.clone()));
    assert!(matches!(printer.print(&receipt()), Err(PrinterError::Unreachable(_))));
    assert!(!path.exists(), "a missing device does not become a file");
    std::fs::write(&path, b"").unwrap();
    assert_eq!(printer.status().unwrap().paper, Paper::Unknown);
    printer.print(&receipt()).unwrap();
    assert!(std::fs::read(&path).unwrap().ends_with(CUT));
}

/// One line, one case: text, bytes.
#[test]
fn characters_have_a_sane_fallback() {
    for (text, bytes) in [
        ("Müsli 4,90 €", &b"M\xfcsli 4,90 \x80"[..]),
        ("Mu\u{308}sli", b"M\xfcsli"),
        ("Žluťoučký", b"\x8elutouck\xfd"),
        ("Łódź", b"L\xf3dz"),
        ("米 rice", b"? rice"),
        ("½ ﬁne １２", b"\xbd fine 12"),
        ("1\u{202f}234", b"1 234"),
        ("\u{1b}p\u{0}\u{19}\u{9d}x", b" p   x"),
    ] {
        assert_eq!(printable(text), bytes, "{text}");
    }
}

#[test]
fn receipts_without_end_are_refused() {
    let endless = ReceiptDocument { lines: vec![ReceiptLine::Blank; LINES_MAX + 1] };
    assert!(matches!(receipt_bytes(&endless), Err(PrinterError::TooLong)));
    let large = ReceiptDocument { lines: vec![ReceiptLine::Qr("x".repeat(QR_BYTES_MAX + 1))] };
    assert!(matches!(receipt_bytes(&large), Err(PrinterError::TooLong)));
}

proptest! {
    /// No text whatsoever puts a control byte on the line.
    #[test]
    fn no_name_is_a_command(text in any::<String>(), right in "\\PC{0,10}") {
        prop_assert!(printable(&text).iter().all(|byte| *byte >= 0x20 && *byte != 0x7f));
        let lines = vec![
            ReceiptLine::Columns { left: text.clone(), right, is_bold: false },
            ReceiptLine::Text(text),
        ];
        let bytes = receipt_bytes(&ReceiptDocument { lines }).unwrap();
        let body = &bytes[BEGIN.len()..bytes.len() - CUT.len()];
        prop_assert!(body.iter().all(|byte| *byte >= 0x20 || *byte == b'\n'));
    }
}
