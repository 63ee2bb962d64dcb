//! How far the journal was, noted beside the database after each commit.
//!
//! A log that lost its end, or an older copy of the database put back, is whole in itself: nothing in it tells that
//! sales are missing, and their receipt numbers would be given a second time. The note tells. It is written after the
//! commit and not flushed, so it may be behind what is committed and is never ahead of it; without it, or with one
//! that is torn, nothing is known and nothing is claimed.

use crate::error::StoreError;
use crate::files::DatabaseFiles;
use crate::recover::beside;
use rusqlite::{Connection, OptionalExtension};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use sync::protocol::event::EventHash;
use uuid::Uuid;

/// The note, beside the database. It names a terminal and a number: nothing of a customer.
const SUFFIX: &str = ".head";

/// The last event of the current life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub terminal: Uuid,
    pub epoch: u32,
    pub seq: u64,
}

impl Head {
    /// That of the life which is being written.
    pub fn current(db: &Connection) -> Result<Option<Self>, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT terminal, epoch, last_seq FROM life ORDER BY number DESC LIMIT 1",
        )?;
        let head = statement.query_row([], |row| {
            Ok(Self {
                terminal: Uuid::from_bytes(row.get(0)?),
                epoch: row.get(1)?,
                seq: row.get(2)?,
            })
        });
        Ok(head.optional()?)
    }

    /// Of one length, so that it can be written over the one before; ends with a seal, so that a torn one shows.
    fn to_line(self) -> String {
        let text = format!("{} {:010} {:020}", self.terminal, self.epoch, self.seq);
        format!("{text} {}\n", EventHash::of(text.as_bytes()))
    }

    fn from_line(line: &str) -> Option<Self> {
        let (text, seal) = line.trim_end().rsplit_once(' ')?;
        if seal != EventHash::of(text.as_bytes()).to_string() {
            return None;
        }
        let mut parts = text.split(' ');
        Some(Self {
            terminal: parts.next()?.parse().ok()?,
            epoch: parts.next()?.parse().ok()?,
            seq: parts.next()?.parse().ok()?,
        })
    }
}

/// Writes the note when the journal has grown.
#[derive(Debug)]
pub(crate) struct Note {
    file: File,
    written: Option<Head>,
}

impl Note {
    /// `None` on another file system than the machine's own, and where the file cannot be made: a terminal sells
    /// without its note.
    pub fn open(files: &dyn DatabaseFiles, path: &Path) -> Option<Self> {
        if files.vfs().is_some() {
            return None;
        }
        let opened = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(beside(path, SUFFIX));
        match opened {
            Ok(file) => Some(Self { file, written: None }),
            Err(error) => {
                tracing::warn!(%error, "how far the journal is cannot be noted");
                None
            }
        }
    }

    /// After a commit. Never flushed: it must not make a sale wait.
    pub fn keep(&mut self, db: &Connection) {
        let Ok(Some(head)) = Head::current(db) else { return };
        if self.written == Some(head) {
            return;
        }
        match self.file.write_all_at(head.to_line().as_bytes(), 0) {
            Ok(()) => self.written = Some(head),
            Err(error) => tracing::debug!(%error, "how far the journal is was not noted"),
        }
    }
}

/// What was noted last; `None` if nothing was, or it cannot be read.
pub(crate) fn noted(files: &dyn DatabaseFiles, path: &Path) -> Option<Head> {
    if files.vfs().is_some() {
        return None;
    }
    Head::from_line(&fs::read_to_string(beside(path, SUFFIX)).ok()?)
}

/// Of what was noted a recovery has told; the next commit notes anew.
pub(crate) fn forget(path: &Path) {
    if let Err(error) = fs::remove_file(beside(path, SUFFIX))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the note of the journal's end could not be removed");
    }
}

/// Whether the database lacks what was once committed to it; in words.
pub(crate) fn lost_end(
    db: &Connection,
    files: &dyn DatabaseFiles,
    path: &Path,
) -> Result<Option<String>, rusqlite::Error> {
    let Some(head) = noted(files, path) else { return Ok(None) };
    let lives: u32 = db.query_row("SELECT count(*) FROM life", [], |row| row.get(0))?;
    let (here, newest): (Option<u64>, Option<u32>) = db.query_row(
        "SELECT max(last_seq) FILTER (WHERE epoch = ?2), max(epoch) FROM life WHERE terminal = ?1",
        (head.terminal.as_bytes(), head.epoch),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(match (here, newest) {
        (None, None) if lives == 0 => {
            Some("it knows no terminal, and it had been one: what was in it is lost".into())
        }
        (Some(here), _) if here < head.seq => Some(format!(
            "its journal ends at event {here}, and {} had been written: the end of its log is lost, or an older copy \
             was put in its place",
            head.seq
        )),
        (None, Some(newest)) if newest < head.epoch => Some(format!(
            "it is an older copy: it knows epoch {newest} of this terminal, which was in epoch {} already",
            head.epoch
        )),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_or_not_at_all() {
        let head = Head { terminal: Uuid::from_u128(7), epoch: 3, seq: 41_000 };
        let line = head.to_line();
        assert_eq!(Head::from_line(&line), Some(head));
        let later = Head { epoch: u32::MAX, seq: u64::MAX, ..head }.to_line();
        assert_eq!(line.len(), later.len());
        for at in 0..line.len() - 1 {
            let mut torn = line.clone().into_bytes();
            torn[at] ^= 1;
            assert_eq!(Head::from_line(&String::from_utf8_lossy(&torn)), None, "{at}");
            assert_eq!(Head::from_line(&line[..at]), None, "{at}");
        }
    }
}
