//! Whether all of it is well: pages, chains of events, orders, feeds and the files of snapshots.
//!
//! SQLite reads a page only when somebody asks for what is on it, so a database can be damaged for months before a
//! request meets it. This reads everything, changes nothing, and goes on behind what it finds: each part is looked at
//! by itself. It runs beside a server.

use crate::chunk::ChunkStore;
use crate::db::{self, id, unsigned};
use crate::error::CentralError;
use crate::folder::database_path;
use crate::task::Watch;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use sync::digest::{RowDigest, TableDigest};
use sync::protocol::event::{Envelope, EventHash};
use uuid::Uuid;

/// Findings of one part that are told by words; the rest is counted.
const TOLD_MAX: usize = 100;
/// How often progress is told, in rows.
const TELL_EVERY: u64 = 1_000;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// `pages`, `events`, `orders` or `feeds`.
    pub part: &'static str,
    /// What it is.
    pub what: String,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// Events with a number.
    pub events: u64,
    /// Lives of terminals that wrote them.
    pub lives: u64,
    /// Events without a number.
    pub strays: u64,
    /// Rows of feeds.
    pub rows: u64,
    /// Files of snapshots.
    pub chunks: u64,
    /// Files of snapshots that are missing or damaged: no harm, they are built anew when they are asked for.
    pub chunks_to_build: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Findings beyond those that are told.
    pub more_findings: u64,
    /// It was stopped before its end.
    pub is_stopped: bool,
}

impl Checked {
    /// Everything was looked at, and nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.findings.is_empty() && !self.is_stopped
    }

    fn find(&mut self, part: &'static str, what: impl Into<String>) {
        if self.findings.iter().filter(|finding| finding.part == part).count() < TOLD_MAX {
            self.findings.push(Finding { part, what: what.into() });
        } else {
            self.more_findings += 1;
        }
    }
}

/// A look at one part. It returns false when it was stopped.
type Look = fn(&Connection, &mut Checked, &mut dyn Watch) -> Result<bool, CentralError>;

const PARTS: [(&str, Look); 4] =
    [("pages", pages), ("events", events), ("orders", orders), ("feeds", feeds)];

/// Looks at everything in a data directory.
///
/// # Errors
/// The database cannot be opened at all.
pub fn check(dir: &Path, watch: &mut dyn Watch) -> Result<Checked, CentralError> {
    let mut checked = Checked::default();
    let mut connection = match db::open_as_it_is(&database_path(dir)) {
        Err(error) if error.is_damaged_file() => {
            checked.find("pages", "not even the list of tables can be read");
            return Ok(checked);
        }
        opened => opened?,
    };
    for (part, look) in PARTS {
        // Each part at one moment of its own: a server that writes need not keep its log for all of them.
        let moment = connection.transaction()?;
        look_at(part, look, &moment, &mut checked, watch);
        if checked.is_stopped {
            return Ok(checked);
        }
    }
    // The names of the files lie in the database too: what cannot be read of them was found with its pages.
    if let Err(error) = chunks(&connection, &ChunkStore::in_folder(dir), &mut checked)
        && checked.findings.is_empty()
    {
        return Err(error);
    }
    Ok(checked)
}

/// Looks at everything in an open database, at the one moment of its transaction; not at the files beside it.
pub fn look(connection: &Connection, watch: &mut dyn Watch) -> Checked {
    let mut checked = Checked::default();
    for (part, look) in PARTS {
        look_at(part, look, connection, &mut checked, watch);
    }
    checked
}

fn look_at(
    part: &'static str,
    look: Look,
    connection: &Connection,
    checked: &mut Checked,
    watch: &mut dyn Watch,
) {
    watch.begin(part, 0);
    match look(connection, checked, watch) {
        Ok(true) => {}
        Ok(false) => checked.is_stopped = true,
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            checked.find(part, format!("cannot be read any further: {error}: {cause}"));
        }
    }
}

fn pages(
    connection: &Connection,
    checked: &mut Checked,
    _watch: &mut dyn Watch,
) -> Result<bool, CentralError> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({TOLD_MAX})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let told: String = row.get(0)?;
        for line in told.lines().filter(|line| *line != "ok" && !line.starts_with("***")) {
            checked.find("pages", line);
        }
    }
    let sql = "SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, count): (String, u64) = (row.get(0)?, unsigned(row, 1)?);
        checked.find("pages", format!("{count} rows of {table} refer to what is not there"));
    }
    Ok(true)
}

/// A life of a terminal and how far its chain was followed.
struct Chain {
    terminal: Uuid,
    epoch: u32,
    seq: u64,
    hash: EventHash,
}

type Watermarks = BTreeMap<(Uuid, u32), (u64, EventHash)>;

impl Chain {
    /// Compares the end with what terminals were told that is held.
    fn end(self, watermarks: &mut Watermarks, checked: &mut Checked) {
        checked.lives += 1;
        let told = watermarks.remove(&(self.terminal, self.epoch));
        if told != Some((self.seq, self.hash)) {
            let (Self { terminal, epoch, seq, .. }, told) = (self, told.map_or(0, |told| told.0));
            let what = format!("{terminal} epoch {epoch} ends at {seq}, acknowledged is {told}");
            checked.find("events", what);
        }
    }
}

/// What is wrong with an event that should follow `chain`.
fn misfit(chain: &Chain, seq: u64, hash: EventHash, bytes: Option<&str>) -> Option<&'static str> {
    if seq != chain.seq + 1 {
        return Some("events before it are missing");
    }
    // The terminal itself has lost the bytes: nothing to compare.
    let bytes = bytes?;
    if EventHash::of(bytes.as_bytes()) != hash {
        return Some("its bytes are not those of its hash");
    }
    let Ok(envelope) = Envelope::parse(bytes) else { return Some("it is no event") };
    if (envelope.terminal, envelope.epoch, envelope.seq) != (chain.terminal, chain.epoch, seq) {
        return Some("it names another place");
    }
    let follows = envelope.prev_hash().is_ok_and(|prev| prev == chain.hash);
    (!follows).then_some("it does not follow the one before")
}

fn events(
    connection: &Connection,
    checked: &mut Checked,
    watch: &mut dyn Watch,
) -> Result<bool, CentralError> {
    let mut statement = connection.prepare(
        "SELECT terminal, epoch, acked_seq, acked_hash FROM watermark WHERE acked_seq > 0",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(((id(row, 0)?, row.get(1)?), (unsigned(row, 2)?, EventHash(row.get(3)?))))
    };
    let mut watermarks: Watermarks = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    let sql = "SELECT terminal, epoch, seq, hash, bytes FROM inbox
               WHERE is_stray = 0 ORDER BY terminal, epoch, seq";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut chain: Option<Chain> = None;
    while let Some(row) = rows.next()? {
        let (terminal, epoch, seq) = (id(row, 0)?, row.get(1)?, unsigned(row, 2)?);
        let (hash, bytes) = (EventHash(row.get(3)?), row.get::<_, Option<String>>(4)?);
        let of_former = chain.take_if(|chain| (chain.terminal, chain.epoch) != (terminal, epoch));
        if let Some(former) = of_former {
            former.end(&mut watermarks, checked);
        }
        let chain =
            chain.get_or_insert(Chain { terminal, epoch, seq: 0, hash: EventHash::GENESIS });
        if let Some(what) = misfit(chain, seq, hash, bytes.as_deref()) {
            checked.find("events", format!("{terminal} epoch {epoch} event {seq}: {what}"));
        }
        (chain.seq, chain.hash) = (seq, hash);
        checked.events += 1;
        if checked.events.is_multiple_of(TELL_EVERY) && !watch.done(checked.events) {
            return Ok(false);
        }
    }
    if let Some(last) = chain {
        last.end(&mut watermarks, checked);
    }
    for ((terminal, epoch), (seq, _)) in watermarks {
        let what = format!("{terminal} epoch {epoch} has no events, acknowledged is {seq}");
        checked.find("events", what);
    }
    strays(connection, checked)?;
    Ok(true)
}

fn strays(connection: &Connection, checked: &mut Checked) -> Result<(), CentralError> {
    let sql = "SELECT id, hash, bytes FROM inbox WHERE is_stray = 1 ORDER BY id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (inbox_id, hash): (i64, _) = (row.get(0)?, EventHash(row.get(1)?));
        let bytes: Option<String> = row.get(2)?;
        if bytes.is_some_and(|bytes| EventHash::of(bytes.as_bytes()) != hash) {
            checked
                .find("events", format!("stray {inbox_id}: its bytes are not those of its hash"));
        }
        checked.strays += 1;
    }
    Ok(())
}

fn orders(
    connection: &Connection,
    checked: &mut Checked,
    _watch: &mut dyn Watch,
) -> Result<bool, CentralError> {
    for (words, sql) in [
        (
            "orders count without an event that says so",
            "SELECT count(*) FROM orders o WHERE event IS NOT NULL AND NOT EXISTS
             (SELECT 1 FROM inbox WHERE id = o.event AND state = 'applied')",
        ),
        (
            "events of placed orders are applied and their orders are not there",
            "SELECT count(*) FROM inbox i WHERE state = 'applied' AND kind = 'order.placed'
             AND NOT EXISTS (SELECT 1 FROM orders WHERE event = i.id)
             AND NOT EXISTS (SELECT 1 FROM act WHERE inbox = i.id AND kind = 'amended')",
        ),
    ] {
        let count = connection.query_row(sql, [], |row| unsigned(row, 0))?;
        if count > 0 {
            checked.find("orders", format!("{count} {words}"));
        }
    }
    Ok(true)
}

fn feeds(
    connection: &Connection,
    checked: &mut Checked,
    watch: &mut dyn Watch,
) -> Result<bool, CentralError> {
    // What the rows add up to, less what was kept of it as they came and went: nothing, when all is well.
    let mut sums: BTreeMap<(i64, i64, String), (TableDigest, TableDigest)> = BTreeMap::new();
    let newest = crate::feed::newest(connection)?;
    let sql = "SELECT feed, scope, tbl, key, row, pos FROM feed_row WHERE row IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, json): (String, String) = (row.get(2)?, row.get(4)?);
        let (key, pos): (_, i64) = (id(row, 3)?, row.get(5)?);
        if serde_json::from_str::<serde::de::IgnoredAny>(&json).is_err() {
            checked.find("feeds", format!("{table} {key} is not JSON"));
        }
        if pos > newest {
            checked.find("feeds", format!("{table} {key} has a position that was not given out"));
        }
        let digest = RowDigest::of(&table, &key.to_string(), &json);
        sums.entry((row.get(0)?, row.get(1)?, table)).or_default().0.add(digest);
        checked.rows += 1;
        if checked.rows.is_multiple_of(TELL_EVERY) && !watch.done(checked.rows) {
            return Ok(false);
        }
    }
    let mut statement =
        connection.prepare("SELECT feed, scope, tbl, rows, digest FROM feed_sum")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let sum = RowDigest::from_bytes(row.get(4)?).0;
        let kept = TableDigest { rows: unsigned(row, 3)?, sum };
        sums.entry((row.get(0)?, row.get(1)?, row.get(2)?)).or_default().1 = kept;
    }
    for ((feed, scope, table), (is, kept)) in sums {
        if is != kept {
            let what =
                format!("feed {feed}, scope {scope}, {table}: {} rows do not add up", is.rows);
            checked.find("feeds", what);
        }
    }
    Ok(true)
}

fn chunks(
    connection: &Connection,
    store: &ChunkStore,
    checked: &mut Checked,
) -> Result<(), CentralError> {
    let mut statement = connection.prepare("SELECT DISTINCT sha256 FROM snapshot_chunk")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let is_whole = crate::chunk::is_chunk_name(&name) && store.get(&name)?.is_some();
        checked.chunks += 1;
        checked.chunks_to_build += u64::from(!is_whole);
    }
    Ok(())
}

/// The same for people: one line a part, then what is wrong.
pub fn in_words(checked: &Checked) -> String {
    let mut lines = Vec::new();
    let of = |part: &str| checked.findings.iter().filter(|finding| finding.part == part).count();
    let mut line = |part: &str, seen: String| {
        let state = if of(part) == 0 { "well" } else { "NOT WELL" };
        lines.push(format!("{part:<7} {state}{seen}"));
    };
    line("pages", String::new());
    let Checked { events, lives, strays, rows, .. } = checked;
    line("events", format!(", {events} of {lives} lives and {strays} strays"));
    line("orders", String::new());
    line("feeds", format!(", {rows} rows"));
    let to_build = match checked.chunks_to_build {
        0 => String::new(),
        count => format!(", {count} of them to be built anew when they are asked for: no harm"),
    };
    lines.push(format!("chunks  {} files{to_build}", checked.chunks));
    for finding in &checked.findings {
        lines.push(format!("{}: {}", finding.part, finding.what));
    }
    if checked.more_findings > 0 {
        lines.push(format!("and {} more", checked.more_findings));
    }
    lines.join("\n")
}
