//! Disks at rest: what was durable and what was pending at a moment, and what is left after the power went.

use crate::content::{Content, Fingerprint};
use crate::damage::Damage;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names a file, however it is called.
pub(crate) type FileId = u64;

/// A file as programs see it, and as it would be found after a power cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub live: Content,
    pub durable: Content,
}

/// Something that was asked and is not yet durable.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write { file: FileId, offset: usize, bytes: Arc<[u8]> },
    Truncate { file: FileId, len: usize },
    Link { name: String, file: FileId },
    Unlink { name: String },
    Rename { from: String, to: String },
}

impl Change {
    /// The file whose bytes it changes.
    pub fn file(&self) -> Option<FileId> {
        match self {
            Self::Write { file, .. } | Self::Truncate { file, .. } => Some(*file),
            _ => None,
        }
    }

    /// The name that it changes.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Link { name, .. } | Self::Unlink { name } => Some(name),
            Self::Rename { from, .. } => Some(from),
            _ => None,
        }
    }

    /// Changes the bytes of its file.
    pub fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { offset, bytes, .. } => content.write(*offset, bytes),
            Self::Truncate { len, .. } => content.truncate(*len),
            _ => {}
        }
    }

    /// Changes names.
    pub fn apply_name(&self, names: &mut BTreeMap<String, FileId>) {
        match self {
            Self::Link { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Unlink { name } => {
                names.remove(name);
            }
            Self::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            _ => {}
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub change: Change,
    /// A sync of it failed: the next will not try again, only a power cut may find it written.
    pub is_doomed: bool,
}

/// Files and names, live and durable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Platter {
    pub names: BTreeMap<String, FileId>,
    pub kept_names: BTreeMap<String, FileId>,
    pub files: BTreeMap<FileId, Arc<File>>,
    /// In the order in which it was asked.
    pub pending: Vec<Pending>,
    pub next_file: FileId,
}

/// A disk at a moment: what is durable, and what is pending. Cheap to take, to keep and to clone.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<Platter>);

impl Snapshot {
    pub(crate) fn of(platter: &Platter) -> Self {
        Self(Arc::new(platter.clone()))
    }

    pub(crate) fn platter(&self) -> &Platter {
        &self.0
    }

    /// How many writes, truncations and changes of names are pending.
    pub fn pending(&self) -> usize {
        self.0.pending.len()
    }

    /// What is found on the disk if the power goes now and this is the damage.
    pub fn crash(&self, damage: &Damage) -> Image {
        crate::damage::crash(&self.0, damage)
    }
}

/// A disk on which everything is durable: names and bytes.
#[derive(Clone, Debug, Default)]
pub struct Image {
    files: BTreeMap<String, Content>,
}

impl Image {
    pub(crate) fn of(files: BTreeMap<String, Content>) -> Self {
        Self { files }
    }

    /// Tells this disk from others.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut all = Vec::new();
        for (name, content) in &self.files {
            all.extend_from_slice(&name.len().to_le_bytes());
            all.extend_from_slice(name.as_bytes());
            all.extend_from_slice(&content.fingerprint().0);
        }
        Fingerprint::of(&all)
    }

    /// The names of its files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// A file.
    pub fn file(&self, name: &str) -> Option<&Content> {
        self.files.get(name)
    }

    /// Puts a file on it.
    pub fn insert(&mut self, name: impl Into<String>, content: Content) {
        self.files.insert(name.into(), content);
    }

    pub(crate) fn platter(&self) -> Platter {
        let mut platter = Platter::default();
        for (name, content) in &self.files {
            platter.next_file += 1;
            let file = File { live: content.clone(), durable: content.clone() };
            platter.files.insert(platter.next_file, Arc::new(file));
            platter.names.insert(name.clone(), platter.next_file);
        }
        platter.kept_names = platter.names.clone();
        platter
    }
}
