//! What a disk holds and what is happening on it: files, names, what is pending, locks, counters, faults.
//!
//! Every operation passes [`State::admit`] first: it is counted, recorded, and refused if the power is off or a
//! fault strikes. What it changes then goes to the live files and to the end of `pending`.

use crate::content::{Content, PAGE};
use crate::image::{Change, File, FileId, Pending, Platter, Snapshot};
use crate::lock::{FileLocks, HandleId, SharedMemory};
use crate::refusal::{Armed, Failure, Kind, Kinds};
use crate::view::Views;
use std::collections::BTreeMap;
use std::sync::Arc;

/// When the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which operations count.
    pub kinds: Kinds,
    /// The number of the one that does not happen any more, from 1, counted from when this was set.
    pub number: u64,
}

/// The disk just before an operation.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The number of the operation over all kinds, from 1 since the disk was made.
    pub number: u64,
    /// What was about to be done.
    pub kind: Kind,
    /// To which file.
    pub name: String,
    /// What was on the disk, and what was pending.
    pub disk: Snapshot,
}

/// Why an operation was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The power is off, or was off since the file was opened.
    Off,
    /// A fault struck.
    Fault(Failure),
    /// There is no such file.
    NotFound,
    /// There is such a file.
    Exists,
}

/// An open file.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub file: FileId,
    pub name: Arc<str>,
    /// Power cycle in which it was opened.
    pub generation: u64,
    pub is_temporary: bool,
    /// The first sync also syncs the directory: SQLite does that for every journal or log that it was allowed to
    /// make, also when the file was there, because whoever made it may have gone before it was synced.
    pub owes_directory: bool,
}

/// What the caller of `open` wants.
pub(crate) struct Wish<'name> {
    pub name: Option<&'name str>,
    pub may_create: bool,
    pub must_create: bool,
    pub is_temporary: bool,
    pub is_journal: bool,
}

#[derive(Default)]
pub(crate) struct State {
    pub platter: Platter,
    pub handles: BTreeMap<HandleId, Handle>,
    next_handle: HandleId,
    pub locks: BTreeMap<FileId, FileLocks>,
    pub memory: BTreeMap<FileId, SharedMemory>,
    /// Shared memory of before the power went, until those who mapped it have closed.
    retired: Vec<SharedMemory>,
    generation: u64,
    pub is_off: bool,
    pub is_lying: bool,
    pub counts: [u64; 16],
    pub operations: u64,
    pub stop: Option<(Stop, u64)>,
    pub faults: Vec<Armed>,
    pub recording: Option<(Kinds, Vec<Moment>)>,
    pub views: Views,
}

impl State {
    /// Counts an operation and decides whether it may happen.
    pub fn admit(&mut self, kind: Kind, name: &str) -> Result<(), Refusal> {
        if self.is_off {
            return Err(Refusal::Off);
        }
        self.counts[kind as usize] += 1;
        self.operations += 1;
        if let Some((kinds, moments)) = &mut self.recording
            && kinds.has(kind)
        {
            let disk = Snapshot::of(&self.platter);
            moments.push(Moment { number: self.operations, kind, name: name.to_owned(), disk });
        }
        if let Some((stop, met)) = &mut self.stop
            && stop.kinds.has(kind)
        {
            *met += 1;
            if *met >= stop.number {
                self.is_off = true;
                return Err(Refusal::Off);
            }
        }
        let mut struck = None;
        for armed in &mut self.faults {
            if armed.strikes(kind, name) && struck.is_none() {
                struck = Some(armed.fault.failure);
            }
        }
        struck.map_or(Ok(()), |failure| Err(Refusal::Fault(failure)))
    }

    /// The handle, if it was opened since the power last went.
    pub fn handle(&self, id: HandleId) -> Result<&Handle, Refusal> {
        let handle = self.handles.get(&id).ok_or(Refusal::Off)?;
        if handle.generation == self.generation { Ok(handle) } else { Err(Refusal::Off) }
    }

    /// Admits an operation on an open file.
    pub fn admit_on(&mut self, id: HandleId, kind: Kind) -> Result<FileId, Refusal> {
        let handle = self.handle(id)?;
        let (file, name) = (handle.file, Arc::clone(&handle.name));
        self.admit(kind, &name).map(|()| file)
    }

    /// Opens or makes a file; tells whether it may only be read.
    pub fn open(&mut self, wish: &Wish<'_>) -> Result<(HandleId, bool), Refusal> {
        self.next_handle += 1;
        let id = self.next_handle;
        let name = wish.name.map_or_else(|| format!("/temporary-{id}"), str::to_owned);
        let existing = self.platter.names.get(&name).copied();
        let kind = if existing.is_some() { Kind::Open } else { Kind::Create };
        let is_read_only = match (existing, self.admit(kind, &name)) {
            (_, Ok(())) => false,
            (Some(_), Err(Refusal::Fault(Failure::ReadOnly))) => true,
            (_, Err(refusal)) => return Err(refusal),
        };
        let file = match existing {
            Some(_) if wish.must_create => return Err(Refusal::Exists),
            Some(file) => file,
            None if wish.may_create => self.platter.create(&name),
            None => return Err(Refusal::NotFound),
        };
        let handle = Handle {
            file,
            name: name.into(),
            generation: self.generation,
            is_temporary: wish.is_temporary,
            owes_directory: wish.is_journal && wish.may_create,
        };
        self.handles.insert(id, handle);
        Ok((id, is_read_only))
    }

    /// Closes a file: that always succeeds, also without power.
    pub fn close(&mut self, id: HandleId) {
        let Some(handle) = self.handles.remove(&id) else { return };
        if handle.generation == self.generation {
            self.leave_memory(id, handle.file);
            if let Some(locks) = self.locks.get_mut(&handle.file) {
                locks.lower(id, 0);
            }
            if handle.is_temporary && !self.is_off {
                self.platter.remove(&handle.name);
            }
        }
        let generation = self.generation;
        if self.handles.values().all(|handle| handle.generation == generation) {
            self.retired.clear();
        }
        let open: Vec<FileId> = self.handles.values().map(|handle| handle.file).collect();
        self.locks.retain(|file, _| open.contains(file));
        self.platter.forget_unreachable(&open);
    }

    /// A handle does not use its shared memory any more.
    pub fn leave_memory(&mut self, id: HandleId, file: FileId) {
        if self.memory.get_mut(&file).is_some_and(|memory| memory.leave(id)) {
            self.memory.remove(&file);
        }
    }

    /// Writes; when a fault strikes, the first half is written all the same.
    pub fn write(&mut self, id: HandleId, offset: usize, bytes: &[u8]) -> Result<(), Refusal> {
        let file = self.handle(id)?.file;
        match self.admit_on(id, Kind::Write) {
            Ok(_) => {
                self.platter.write(file, offset, bytes);
                Ok(())
            }
            Err(refusal) => {
                if matches!(refusal, Refusal::Fault(Failure::Io | Failure::Full)) {
                    self.platter.write(file, offset, &bytes[..bytes.len() / 2]);
                }
                Err(refusal)
            }
        }
    }

    /// Makes a file durable, and its name if the handle owes that.
    pub fn sync(&mut self, id: HandleId) -> Result<(), Refusal> {
        let handle = self.handle(id)?.clone();
        if let Err(refusal) = self.admit_on(id, Kind::Sync) {
            if matches!(refusal, Refusal::Fault(_)) {
                self.platter.doom(handle.file);
            }
            return Err(refusal);
        }
        if self.is_lying {
            return Ok(());
        }
        self.platter.sync_file(handle.file);
        if handle.owes_directory {
            self.platter.sync_directory(directory_of(&handle.name));
            if let Some(handle) = self.handles.get_mut(&id) {
                handle.owes_directory = false;
            }
        }
        Ok(())
    }

    /// Makes the content of a file, its name and those beside it durable.
    pub fn flush(&mut self, name: &str) -> Result<(), Refusal> {
        let file = self.platter.names.get(name).copied();
        if let Err(refusal) = self.admit(Kind::Sync, name) {
            if let (Some(file), Refusal::Fault(_)) = (file, refusal) {
                self.platter.doom(file);
            }
            return Err(refusal);
        }
        let file = file.ok_or(Refusal::NotFound)?;
        if !self.is_lying {
            self.platter.sync_file(file);
            self.platter.sync_directory(directory_of(name));
        }
        Ok(())
    }

    /// Writes a file over itself, in one piece, and makes it durable.
    pub fn rewrite(&mut self, name: &str) -> Result<(), Refusal> {
        self.admit(Kind::Write, name)?;
        let file = self.platter.names.get(name).copied().ok_or(Refusal::NotFound)?;
        let bytes = self.platter.live(file).map(Content::to_vec).unwrap_or_default();
        self.platter.write(file, 0, &bytes);
        self.flush(name)
    }

    /// Removes a name.
    pub fn delete(&mut self, name: &str, syncs_directory: bool) -> Result<(), Refusal> {
        self.admit(Kind::Delete, name)?;
        if !self.platter.remove(name) {
            return Err(Refusal::NotFound);
        }
        if syncs_directory && !self.is_lying {
            self.platter.sync_directory(directory_of(name));
        }
        Ok(())
    }

    /// Makes an empty file where there is none.
    pub fn create(&mut self, name: &str) -> Result<(), Refusal> {
        if !self.platter.names.contains_key(name) {
            self.admit(Kind::Create, name)?;
            self.platter.create(name);
        }
        Ok(())
    }

    /// Changes a name.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Refusal> {
        self.admit(Kind::Rename, from)?;
        if self.platter.rename(from, to) { Ok(()) } else { Err(Refusal::NotFound) }
    }

    /// Puts another content in the place of this one; whoever has files open finds the power gone.
    pub fn replace(&mut self, platter: Platter) {
        self.platter = platter;
        self.generation += 1;
        self.locks.clear();
        let retired = std::mem::take(&mut self.memory);
        self.retired.extend(retired.into_values());
        if self.handles.is_empty() {
            self.retired.clear();
        }
        self.is_off = false;
        self.stop = None;
    }
}

pub(crate) fn directory_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Operations on files and names that nothing refuses.
impl Platter {
    pub fn create(&mut self, name: &str) -> FileId {
        self.next_file += 1;
        let file = self.next_file;
        self.files.insert(file, Arc::new(File::default()));
        self.names.insert(name.to_owned(), file);
        self.push(Change::Link { name: name.to_owned(), file });
        file
    }

    pub fn live(&self, file: FileId) -> Option<&Content> {
        self.files.get(&file).map(|file| &file.live)
    }

    pub fn write(&mut self, file: FileId, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let pages = offset / PAGE..(offset + bytes.len()).div_ceil(PAGE);
        for pending in &mut self.pending {
            // A page that is written anew is written whole: what a failed sync forgot of it comes along.
            if let Change::Write { file: of, offset, .. } = &pending.change
                && *of == file
                && pages.contains(&(offset / PAGE))
            {
                pending.is_doomed = false;
            }
        }
        self.change_live(file, |content| content.write(offset, bytes));
        self.push(Change::Write { file, offset, bytes: bytes.into() });
    }

    pub fn truncate(&mut self, file: FileId, len: usize) {
        self.pending.retain(|pending| match &pending.change {
            Change::Write { file: of, offset, .. } => {
                !(pending.is_doomed && *of == file && *offset >= len)
            }
            _ => true,
        });
        self.change_live(file, |content| content.truncate(len));
        self.push(Change::Truncate { file, len });
    }

    pub fn remove(&mut self, name: &str) -> bool {
        let was_there = self.names.remove(name).is_some();
        if was_there {
            self.push(Change::Unlink { name: name.to_owned() });
        }
        was_there
    }

    pub fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(file) = self.names.remove(from) else { return false };
        self.names.insert(to.to_owned(), file);
        self.push(Change::Rename { from: from.to_owned(), to: to.to_owned() });
        true
    }

    /// Makes the bytes of a file durable, but for what a failed sync forgot.
    pub fn sync_file(&mut self, file: FileId) {
        let Some(body) = self.files.get_mut(&file) else { return };
        let body = Arc::make_mut(body);
        self.pending.retain(|pending| {
            if pending.is_doomed || pending.change.file() != Some(file) {
                return true;
            }
            pending.change.apply(&mut body.durable);
            false
        });
    }

    /// Makes the names in a directory durable.
    pub fn sync_directory(&mut self, directory: &str) {
        let kept = &mut self.kept_names;
        self.pending.retain(|pending| {
            let is_inside = pending.change.name().is_some_and(|n| directory_of(n) == directory);
            if is_inside {
                pending.change.apply_name(kept);
            }
            !is_inside
        });
    }

    /// A sync failed: what was pending of the file will not be written by the next one, page by page.
    pub fn doom(&mut self, file: FileId) {
        let mut pending = Vec::with_capacity(self.pending.len());
        for entry in self.pending.drain(..) {
            match &entry.change {
                Change::Write { file: of, offset, bytes } if *of == file => {
                    let mut done = 0;
                    while done < bytes.len() {
                        let at = offset + done;
                        let part = (PAGE - at % PAGE).min(bytes.len() - done);
                        let bytes = bytes[done..done + part].into();
                        let change = Change::Write { file, offset: at, bytes };
                        pending.push(Pending { change, is_doomed: true });
                        done += part;
                    }
                }
                _ => pending.push(entry),
            }
        }
        self.pending = pending;
    }

    /// Drops files that have no name, are not open and cannot come back.
    pub fn forget_unreachable(&mut self, open: &[FileId]) {
        let linked = self.pending.iter().filter_map(|pending| match &pending.change {
            Change::Link { file, .. } => Some(*file),
            _ => None,
        });
        let mut reachable: Vec<FileId> = linked.collect();
        reachable.extend(self.names.values().chain(self.kept_names.values()).chain(open));
        if reachable.len() < self.files.len() || self.files.keys().any(|f| !reachable.contains(f)) {
            self.files.retain(|file, _| reachable.contains(file));
            let files = &self.files;
            self.pending.retain(|p| p.change.file().is_none_or(|file| files.contains_key(&file)));
        }
    }

    fn change_live(&mut self, file: FileId, change: impl FnOnce(&mut Content)) {
        if let Some(file) = self.files.get_mut(&file) {
            change(&mut Arc::make_mut(file).live);
        }
    }

    fn push(&mut self, change: Change) {
        self.pending.push(Pending { change, is_doomed: false });
    }
}
