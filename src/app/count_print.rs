//! A counted list on its way to paper. That a printer fails loses nothing: the list is on disk and stays on the screen.

use super::intent::Language;
use super::screen::{CountRow, Message};
use super::terminal::Terminal;

/// A counted list for the printer: text that is formatted already.
#[derive(Clone, Debug, PartialEq)]
pub struct CountJob {
    /// Name of the store.
    pub store: String,
    /// Name of the terminal.
    pub terminal: String,
    /// Who began the list.
    pub begun_by: String,
    /// When.
    pub begun_at: String,
    /// Who prints it.
    pub printed_by: String,
    /// When.
    pub printed_at: String,
    /// All lines, as they are shown.
    pub lines: Vec<CountRow>,
    /// Lines, with grouping.
    pub articles: String,
    /// Pieces, with grouping.
    pub pieces: String,
    /// Stock and difference are printed too.
    pub is_compared: bool,
    /// Language of the fixed words.
    pub language: Language,
}

impl Terminal {
    pub(super) fn print_count(&mut self) {
        if self.count.list.is_empty() {
            self.say(Message::warning("count-nothing-to-print", &[]));
        } else if !self.parts.printer.is_configured() {
            self.say(Message::warning("count-printer-missing", &[]));
        } else if !self.count.is_printing
            && let Some(job) = self.count_job()
        {
            self.count.is_printing = true;
            self.parts.printer.print_count(job);
        }
    }

    fn count_job(&self) -> Option<CountJob> {
        let head = self.count.head.as_ref()?;
        let person = self.person.as_ref();
        Some(CountJob {
            store: self.config.as_ref().map(|config| config.name.clone()).unwrap_or_default(),
            terminal: self.identity.as_ref().map(|id| id.name.clone()).unwrap_or_default(),
            begun_by: head.name.clone(),
            begun_at: self.formatter.date_time(self.shown_ms(head.begun_at)),
            printed_by: person.map(|person| person.name.clone()).unwrap_or_default(),
            printed_at: self.formatter.date_time(self.shown_ms(self.now())),
            lines: self.ordered().map(|line| self.count_row(line)).collect(),
            articles: self.formatter.count(self.count.list.len() as u64),
            pieces: self.formatter.count(self.count.list.piece_count()),
            is_compared: self.count.compared.is_some(),
            language: self.language,
        })
    }

    /// The printer's answer. The list is kept either way.
    pub(super) fn count_printed(&mut self, answer: &Result<(), String>) {
        self.count.is_printing = false;
        self.say(match answer {
            Ok(()) => Message::success("count-printed", &[]),
            Err(_) => Message::warning("count-print-failed", &[]),
        });
    }
}
