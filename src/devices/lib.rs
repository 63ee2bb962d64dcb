//! What hangs on the till: the receipt printer and the cash drawer on it, a trait, real drivers,
//! and a simulator.
//!
//! Nothing here knows orders or prices: a [`ReceiptDocument`] holds finished words. Every call has
//! an end, since a printer is switched off in the middle of a sale every day. No byte of a text
//! reaches the printer unless it is printable: a product's name cannot open the drawer.

mod escpos;
mod receipt;
mod simulator;

pub use receipt::{COLUMNS, ReceiptDocument, ReceiptLine};

use std::io;
use std::path::PathBuf;

/// What a printer says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrinterStatus {
    /// The roll.
    pub paper: Paper,
    /// The drawer on it.
    pub drawer: Drawer,
}

/// The state of the roll; none at all is [`PrinterError::NoPaper`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// Enough.
    Good,
    /// A new roll is needed soon.
    Low,
    /// The printer does not say.
    Unknown,
}

/// The state of the cash drawer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawer {
    /// The level that most drawers give when they are shut.
    SensorLow,
    /// The level that most drawers give when they are open; makers do not agree which is which.
    SensorHigh,
    /// The printer does not say.
    Unknown,
}

/// Why nothing is printed. No receipt text is ever part of it.
#[derive(Debug, thiserror::Error)]
pub enum PrinterError {
    /// The words do not name a printer.
    #[error(
        "a printer is `tcp://host:port`, `file:/dev/usb/lp0`, `simulated:DIR` or `none`, not {0:?}"
    )]
    Name(String),
    /// The name of the host is unknown.
    #[error("the printer's host is not known")]
    Host(#[source] io::Error),
    /// It does not answer.
    #[error("the printer cannot be reached; check power and cable")]
    Unreachable(#[source] io::Error),
    /// It took a part and then no more.
    #[error("the printer stopped taking data; the receipt may be incomplete")]
    Stalled(#[source] io::Error),
    /// The roll is at its end.
    #[error("the printer is out of paper")]
    NoPaper,
    /// The lid is open.
    #[error("the printer's cover is open")]
    CoverOpen,
    /// It says that it is off line and not why.
    #[error("the printer is off line")]
    Offline,
    /// The document cannot be printed as it is.
    #[error("the receipt is too long to print")]
    TooLong,
}

/// A receipt printer with a cash drawer.
pub trait Printer {
    /// Asks the printer how it is. A printer that does not answer questions but takes data is not
    /// at fault: what it does not say is `Unknown`.
    ///
    /// # Errors
    /// What keeps it from printing now.
    fn status(&mut self) -> Result<PrinterStatus, PrinterError>;

    /// Prints one receipt and cuts it off. `Ok` means that the printer took all of it and, if it
    /// can say so, had paper to the end.
    ///
    /// # Errors
    /// Why it is not, or not wholly, on paper; printing it again is then a copy.
    fn print(&mut self, receipt: &ReceiptDocument) -> Result<(), PrinterError>;

    /// Opens the cash drawer.
    ///
    /// # Errors
    /// When the printer cannot be told.
    fn open_drawer(&mut self) -> Result<(), PrinterError>;
}

/// Opens the printer that `name` names: `tcp://host[:9100]`, `file:/dev/usb/lp0`, `simulated:DIR`,
/// or `none`. A printer that is switched off is no error here: it is asked when something is
/// printed.
///
/// # Errors
/// When the words name none.
pub fn open(name: &str) -> Result<Option<Box<dyn Printer + Send>>, PrinterError> {
    let unknown = || PrinterError::Name(name.to_owned());
    if name == "none" {
        return Ok(None);
    }
    let (kind, rest) =
        name.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or_else(unknown)?;
    Ok(Some(match kind {
        "tcp" => {
            let address = rest.strip_prefix("//").ok_or_else(unknown)?;
            Box::new(escpos::EscPos::new(escpos::Network::parse(address).ok_or_else(unknown)?))
        }
        "file" => Box::new(escpos::EscPos::new(escpos::DeviceFile::new(PathBuf::from(rest)))),
        "simulated" => Box::new(simulator::Simulator::new(PathBuf::from(rest))),
        _ => return Err(unknown()),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn printers_are_named() {
        assert!(open("none").unwrap().is_none());
        for name in
            ["tcp://till-printer", "tcp://10.0.0.7:9100", "tcp://[::1]:9100", "file:/dev/usb/lp0"]
        {
            assert!(open(name).unwrap().is_some(), "{name}");
        }
        for name in
            ["", "tcp:", "tcp:host", "tcp://", "tcp://host:x", "usb:1", "simulated:", "file"]
        {
            assert!(matches!(open(name), Err(PrinterError::Name(_))), "{name}");
        }
    }
}
