//! A printer that writes each receipt as a text file, for demonstrations and tests.

use crate::receipt::{COLUMNS, LINES_MAX, columns, wrapped};
use crate::{Drawer, Paper, Printer, PrinterError, PrinterStatus, ReceiptDocument, ReceiptLine};
use std::fs::{OpenOptions, create_dir_all};
use std::io::{self, Write};
use std::path::PathBuf;

/// Receipts that a folder holds at most.
const FILES_MAX: u32 = 999_999;

/// Writes `receipt-000001.txt` and so on into a folder, and `drawer.txt` a line for each opening.
pub struct Simulator {
    folder: PathBuf,
    next: u32,
}

impl Simulator {
    /// Makes the folder when it is first needed.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, next: 1 }
    }

    fn write_receipt(&mut self, text: &str) -> io::Result<()> {
        create_dir_all(&self.folder)?;
        while self.next <= FILES_MAX {
            let path = self.folder.join(format!("receipt-{:06}.txt", self.next));
            self.next += 1;
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => return file.write_all(text.as_bytes()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("the folder is full of receipts"))
    }
}

fn centred(line: &str) -> String {
    let gap = COLUMNS.saturating_sub(line.chars().count()) / 2;
    format!("{}{line}", " ".repeat(gap))
}

fn set(receipt: &ReceiptDocument) -> String {
    let mut text = String::new();
    let mut push = |line: &str| {
        text.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
        text.push('\n');
    };
    for line in &receipt.lines {
        match line {
            ReceiptLine::Title(words) | ReceiptLine::Centred(words) => {
                wrapped(words, COLUMNS).iter().for_each(|line| push(&centred(line)));
            }
            ReceiptLine::Text(words) => wrapped(words, COLUMNS).iter().for_each(|line| push(line)),
            ReceiptLine::Columns { left, right, .. } => push(&columns(left, right, COLUMNS)),
            ReceiptLine::Rule => push(&"-".repeat(COLUMNS)),
            ReceiptLine::Blank => push(""),
            ReceiptLine::Qr(content) => push(&centred(&format!("[QR {content}]"))),
        }
    }
    text
}

impl Printer for Simulator {
    fn status(&mut self) -> Result<PrinterStatus, PrinterError> {
        create_dir_all(&self.folder).map_err(PrinterError::Unreachable)?;
        Ok(PrinterStatus { paper: Paper::Good, drawer: Drawer::Unknown })
    }

    fn print(&mut self, receipt: &ReceiptDocument) -> Result<(), PrinterError> {
        if receipt.lines.len() > LINES_MAX {
            return Err(PrinterError::TooLong);
        }
        self.write_receipt(&set(receipt)).map_err(PrinterError::Unreachable)
    }

    fn open_drawer(&mut self) -> Result<(), PrinterError> {
        create_dir_all(&self.folder)
            .and_then(|()| {
                let path = self.folder.join("drawer.txt");
                OpenOptions::new().append(true).create(true).open(path)?.write_all(b"opened\n")
            })
            .map_err(PrinterError::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn receipts_become_numbered_files_and_none_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let receipt = ReceiptDocument {
            lines: vec![
                ReceiptLine::Title("Crossroads".into()),
                ReceiptLine::Columns {
                    left: "Müsli".into(), right: "4,90".into(), is_bold: false
                },
                ReceiptLine::Rule,
                ReceiptLine::Text("a\u{1b}p\u{0}b".into()),
                ReceiptLine::Qr("XR1:R:7".into()),
            ],
        };
        Simulator::new(folder.path().join("new")).print(&receipt).unwrap();
        let mut again = Simulator::new(folder.path().join("new"));
        again.print(&receipt).unwrap();
        again.open_drawer().unwrap();
        assert!(again.status().is_ok());
        let read = |name: &str| std::fs::read_to_string(folder.path().join("new").join(name));
        let text = read("receipt-000002.txt").unwrap();
        assert_eq!(text, read("receipt-000001.txt").unwrap());
        assert!(text.starts_with("                Crossroads\n"), "{text}");
        assert!(text.contains(&format!("Müsli{}4,90\n", " ".repeat(33))));
        assert!(text.contains("[QR XR1:R:7]") && !text.contains('\u{1b}') && !text.contains('\0'));
        assert_eq!(read("drawer.txt").unwrap(), "opened\n");
    }
}
