//! Epson's ESC/POS, as nearly every receipt printer understands it, over a socket or a device file.
//!
//! The commands are few and fixed, so they are written here byte by byte (Epson, "ESC/POS
//! Application Programming Guide"). The `escpos` crate was looked at: its network driver takes no
//! host names, and a character that its code page lacks fails the whole receipt.
//!
//! Text goes through [`printable`] only: printable bytes of code page 1252, no control bytes. One
//! connection a job, because a network printer serves one till at a time.

use crate::receipt::{COLUMNS, LINES_MAX, QR_BYTES_MAX, Style, columns, wrapped};
use crate::{Drawer, Paper, Printer, PrinterError, PrinterStatus, ReceiptDocument, ReceiptLine};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;
use unicode_normalization::UnicodeNormalization;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// A printer that answers status requests does so at once, even when its buffer is full.
const STATUS_TIMEOUT: Duration = Duration::from_millis(700);
const PORT: u16 = 9100;

/// Initialise, code page 1252.
const BEGIN: &[u8] = b"\x1b@\x1bt\x10";
/// Feed past the knife and cut, leaving a bridge.
const CUT: &[u8] = b"\x1dVB\x03";
/// Pulse on pin 2, 50 ms on, 500 ms off.
const KICK: &[u8] = b"\x1bp\x00\x19\xfa";

/// A line to a printer.
pub trait Link: Write {
    /// Asks for one byte of real-time status; `None` from lines that cannot be read.
    fn ask(&mut self, request: u8) -> io::Result<Option<u8>>;
}

/// Makes lines to one printer.
pub trait Transport {
    /// Connects for one job.
    fn connect(&self) -> Result<Box<dyn Link>, PrinterError>;
}

/// A printer on the network.
pub struct Network {
    host: String,
    port: u16,
}

impl Network {
    /// Understands `host`, `host:port` and `[v6]:port`.
    pub fn parse(address: &str) -> Option<Self> {
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.starts_with('[') => {
                (host, port.parse().ok()?)
            }
            _ => (address, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port })
    }
}

impl Transport for Network {
    fn connect(&self) -> Result<Box<dyn Link>, PrinterError> {
        let addresses =
            (self.host.as_str(), self.port).to_socket_addrs().map_err(PrinterError::Host)?;
        let mut fault = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses.take(4) {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    let set = stream.set_write_timeout(Some(WRITE_TIMEOUT));
                    set.and_then(|()| stream.set_read_timeout(Some(STATUS_TIMEOUT)))
                        .map_err(PrinterError::Unreachable)?;
                    return Ok(Box::new(stream));
                }
                Err(error) => fault = error,
            }
        }
        Err(PrinterError::Unreachable(fault))
    }
}

impl Link for TcpStream {
    fn ask(&mut self, request: u8) -> io::Result<Option<u8>> {
        self.write_all(&[0x10, 0x04, request])?;
        let mut answer = [0];
        match self.read(&mut answer) {
            Ok(1) => Ok(Some(answer[0])),
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            // Not every printer and print server answers.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// A printer behind a device file of the kernel, written only: reading one may block for ever.
pub struct DeviceFile {
    path: PathBuf,
}

impl DeviceFile {
    /// Opens nothing yet.
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

struct WriteOnly(std::fs::File);

impl Write for WriteOnly {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Link for WriteOnly {
    fn ask(&mut self, _request: u8) -> io::Result<Option<u8>> {
        Ok(None)
    }
}

impl Transport for DeviceFile {
    fn connect(&self) -> Result<Box<dyn Link>, PrinterError> {
        // Never made: a missing device must not become a growing file.
        let file = OpenOptions::new().append(true).open(&self.path);
        Ok(Box::new(WriteOnly(file.map_err(PrinterError::Unreachable)?)))
    }
}

/// An ESC/POS printer.
pub struct EscPos<T> {
    transport: T,
}

impl<T: Transport> EscPos<T> {
    /// Connects for each job.
    pub const fn new(transport: T) -> Self {
        Self { transport }
    }
}

/// Asks the three questions that matter. An answer without the fixed bits is none.
fn status(link: &mut dyn Link) -> Result<PrinterStatus, PrinterError> {
    let mut ask = |request| {
        let answer = link.ask(request).map_err(PrinterError::Unreachable)?;
        Ok::<_, PrinterError>(answer.filter(|byte| byte & 0x93 == 0x12))
    };
    let unknown = PrinterStatus { paper: Paper::Unknown, drawer: Drawer::Unknown };
    let Some(printer) = ask(1)? else { return Ok(unknown) };
    let drawer = if printer & 0x04 == 0 { Drawer::SensorLow } else { Drawer::SensorHigh };
    let paper = match ask(4)? {
        Some(sensor) if sensor & 0x60 != 0 => return Err(PrinterError::NoPaper),
        Some(sensor) if sensor & 0x0c != 0 => Paper::Low,
        Some(_) => Paper::Good,
        None => Paper::Unknown,
    };
    if printer & 0x08 != 0 {
        return Err(match ask(2)? {
            Some(cause) if cause & 0x04 != 0 => PrinterError::CoverOpen,
            Some(cause) if cause & 0x20 != 0 => PrinterError::NoPaper,
            _ => PrinterError::Offline,
        });
    }
    Ok(PrinterStatus { paper, drawer })
}

impl<T: Transport> Printer for EscPos<T> {
    fn status(&mut self) -> Result<PrinterStatus, PrinterError> {
        status(&mut *self.transport.connect()?)
    }

    fn print(&mut self, receipt: &ReceiptDocument) -> Result<(), PrinterError> {
        let bytes = receipt_bytes(receipt)?;
        let mut link = self.transport.connect()?;
        status(&mut *link)?;
        let sent = link.write_all(&bytes).and_then(|()| link.flush());
        match (sent, status(&mut *link)) {
            // All was taken; a printer that then closed the line is no fault.
            (Ok(()), Ok(_) | Err(PrinterError::Unreachable(_))) => Ok(()),
            (Ok(()), Err(fault)) => Err(fault),
            // A printer that ran out of paper stops taking data; that is the better thing to say.
            (Err(_), Err(fault @ (PrinterError::NoPaper | PrinterError::CoverOpen))) => Err(fault),
            (Err(error), _) => Err(PrinterError::Stalled(error)),
        }
    }

    fn open_drawer(&mut self) -> Result<(), PrinterError> {
        let mut link = self.transport.connect()?;
        link.write_all(KICK).and_then(|()| link.flush()).map_err(PrinterError::Stalled)
    }
}

/// The bytes of code page 1252 from 0x80 to 0x9f; a space where there is no character.
const HIGH: [char; 32] = [
    '€', ' ', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', ' ', 'Ž', ' ', ' ', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', ' ', 'ž', 'Ÿ',
];

fn code_page_1252(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0x20..=0x7e | 0xa1..=0xff) => u8::try_from(code).ok(),
        0xa0 | 0x202f | 0x2009 => Some(b' '),
        _ => HIGH
            .iter()
            .position(|high| *high == character && character != ' ')
            .map(|position| 0x80 + position as u8),
    }
}

/// Letters that Unicode does not decompose.
const LETTERS: [(char, &str); 12] = [
    ('Ł', "L"),
    ('ł', "l"),
    ('Đ', "D"),
    ('đ', "d"),
    ('Ħ', "H"),
    ('ħ', "h"),
    ('ı', "i"),
    ('ĸ', "k"),
    ('Ŋ', "N"),
    ('ŋ', "n"),
    ('−', "-"),
    ('ẞ', "SS"),
];

/// Printable bytes of code page 1252 and nothing else: controls become spaces, letters that the
/// page lacks their base letter, the rest a question mark.
fn printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.nfc() {
        if character.is_control() {
            bytes.push(b' ');
        } else if let Some(byte) = code_page_1252(character) {
            bytes.push(byte);
        } else if let Some((_, plain)) = LETTERS.iter().find(|letter| letter.0 == character) {
            bytes.extend(plain.bytes());
        } else {
            let from = bytes.len();
            let plain = std::iter::once(character).nfkd().filter_map(code_page_1252);
            bytes.extend(plain.filter(u8::is_ascii));
            if bytes.len() == from {
                bytes.push(b'?');
            }
        }
    }
    bytes
}

fn put_line(bytes: &mut Vec<u8>, text: &str, style: Style) {
    let (on, off): (&[u8], &[u8]) = match style {
        Style::Plain => (b"", b""),
        Style::Bold => (b"\x1bE\x01", b"\x1bE\x00"),
        Style::Title => (b"\x1ba\x01\x1d!\x11", b"\x1d!\x00\x1ba\x00"),
        Style::Centred => (b"\x1ba\x01", b"\x1ba\x00"),
    };
    bytes.extend(on);
    bytes.extend(printable(text));
    bytes.push(b'\n');
    bytes.extend(off);
}

/// `GS ( k`: model 2, module size 6, error correction M, store, print. The length goes before the
/// content, so nothing in it can be a command.
fn put_qr(bytes: &mut Vec<u8>, content: &str) -> Result<(), PrinterError> {
    if content.is_empty() || content.len() > QR_BYTES_MAX {
        return Err(PrinterError::TooLong);
    }
    let length = content.len() + 3;
    bytes.extend(b"\x1ba\x01\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1\x1d(k");
    bytes.extend([(length % 256) as u8, (length / 256) as u8]);
    bytes.extend(b"1P0");
    bytes.extend(content.bytes());
    bytes.extend(b"\x1d(k\x03\x001Q0\n\x1ba\x00");
    Ok(())
}

fn receipt_bytes(receipt: &ReceiptDocument) -> Result<Vec<u8>, PrinterError> {
    if receipt.lines.len() > LINES_MAX {
        return Err(PrinterError::TooLong);
    }
    let mut bytes = BEGIN.to_vec();
    for line in &receipt.lines {
        match line {
            ReceiptLine::Title(text) => put_text(&mut bytes, text, Style::Title, COLUMNS / 2),
            ReceiptLine::Centred(text) => put_text(&mut bytes, text, Style::Centred, COLUMNS),
            ReceiptLine::Text(text) => put_text(&mut bytes, text, Style::Plain, COLUMNS),
            ReceiptLine::Columns { left, right, is_bold } => {
                let style = if *is_bold { Style::Bold } else { Style::Plain };
                put_line(&mut bytes, &columns(left, right, COLUMNS), style);
            }
            ReceiptLine::Rule => put_line(&mut bytes, &"-".repeat(COLUMNS), Style::Plain),
            ReceiptLine::Blank => bytes.push(b'\n'),
            ReceiptLine::Qr(content) => put_qr(&mut bytes, content)?,
        }
    }
    bytes.extend(CUT);
    Ok(bytes)
}

fn put_text(bytes: &mut Vec<u8>, text: &str, style: Style, room: usize) {
    wrapped(text, room).iter().for_each(|line| put_line(bytes, line, style));
}

#[cfg(test)]
#[path = "escpos_test.rs"]
mod tests;
