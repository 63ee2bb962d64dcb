//! Power cuts: at every write and every sync of every canonical transaction, with damage to what was not yet synced,
//! and again while the store recovers from it.
//!
//! ```text
//! record   run a scene once on a fault disk; keep the disk as it was before each write and each sync
//! kill     what SQLite recovers if everything written survives: the states that the database went through
//! cut      the same disk, damaged: SQLite must recover one of the states between the last call that had answered
//!          and the moment of the cut, page by page the same bytes
//! real     the store itself is opened on it, inspected (inspect.rs), used, closed and opened again
//! ```
//! Each distinct damaged disk is recovered by SQLite itself. The real opening follows for each state that was
//! recovered, and for a sample of the disks beside, since the same pages are the same database. Each `cut` that
//! is sampled for it is recorded in turn and cut again.
//!
//! `POWER_CUTS=1000000 cargo test -p crossroads-store power_cut` makes as many distinct cases (default 100,000).

use super::card::Till;
use super::card::inspect::inspect;
use super::card::scene::{Call, Done, any_work, scenes};
use crate::OpenError;
use domain::id::BasketId;
use fault::{Damage, Dice, Disk, Fingerprint, Image, Kinds, Snapshot};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Cases in a run of `cargo test`, at least.
const CASES_MIN: usize = 100_000;
/// One case in so many is opened by the store itself, whatever was recovered.
const REAL_EVERY: usize = 211;
/// The log of one case in so many is looked at as the store does before it lets SQLite open it.
const EXAMINE_EVERY: usize = 61;
/// One case in so many is cut again while it recovers.
const COMPOUND_EVERY: usize = 2_003;
/// Damage patterns of a moment, at least; a moment with much pending has more.
const PATTERNS: usize = 24;
/// Of a moment within a recovery.
const PATTERNS_AGAIN: usize = 6;
/// Failures told before giving up.
const FAILURES_MAX: usize = 5;

/// What SQLite recovers of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// There is no database yet.
    Nothing,
    /// These pages.
    Pages(Fingerprint),
}

/// A disk of its own on which cases are recovered.
struct Probe {
    disk: Disk,
    name: String,
    key: String,
}

impl Probe {
    fn new(till: &Till) -> Self {
        let key = till.shop.key().to_hex();
        Self { disk: Disk::new(), name: till.name(), key }
    }

    /// Lets SQLite recover the database, and takes the pages that a reader would see.
    fn recover(&self, image: &Image) -> Result<State, String> {
        if image.file(&self.name).is_none_or(|file| file.is_empty()) {
            return Ok(State::Nothing);
        }
        self.disk.load(image);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let recovered = Connection::open_with_flags_and_vfs(&self.name, flags, self.disk.vfs())
            .and_then(|connection| {
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
                connection.execute_batch(&format!(
                    "PRAGMA cipher_log_level = NONE; PRAGMA key = \"x'{}'\"; \
                     PRAGMA cipher_page_size = 4096; PRAGMA cipher_hmac_algorithm = HMAC_SHA256;",
                    self.key
                ))?;
                // The first read recovers: a hot journal is rolled back, the log is read to its last commit.
                connection.query_row("PRAGMA user_version", [], |_| Ok(()))?;
                Ok(self.disk.view(&self.name))
            });
        match recovered {
            Ok(Some(view)) if view.pages > 0 => Ok(State::Pages(view.fingerprint)),
            Ok(_) => Ok(State::Nothing),
            Err(error) => Err(format!("{error:?}")),
        }
    }
}

/// The disk before an operation, and what may be found if the power goes there.
struct Moment {
    what: String,
    disk: Snapshot,
    state: State,
    /// The first moment after the last call that had answered.
    settled: usize,
    /// Calls that had answered.
    answered: usize,
}

struct Run {
    moments: Vec<Moment>,
    /// Baskets sold by the first so many calls.
    sold: Vec<Vec<BasketId>>,
}

/// Runs calls on a disk, keeping every moment.
fn record(till: &mut Till, probe: &Probe, image: &Image, calls: &[Call], sold: &[BasketId]) -> Run {
    till.wake_on(image);
    till.disk.record(Kinds::CUTS);
    let mut answers = Vec::new();
    let mut sold = vec![sold.to_vec()];
    for call in calls {
        let done = call.run(till);
        assert!(matches!(done, Ok(Done::Yes)), "{}: {done:?}", call.name);
        answers.push(till.disk.operations());
        let mut more = sold.last().unwrap().clone();
        more.extend(call.sells);
        sold.push(more);
    }
    let end = till.disk.operations() + 1;
    let recorded = till.disk.recording();
    let mut moments: Vec<Moment> = Vec::new();
    let last = (end, "the end".to_owned(), till.disk.snapshot());
    let recorded = recorded.into_iter().map(|moment| {
        let file = moment.name.rsplit_once('/').map_or("", |(_, file)| file).to_owned();
        (moment.number, format!("{:?} {file}", moment.kind), moment.disk)
    });
    for (number, what, disk) in recorded.chain([last]) {
        let answered = answers.iter().filter(|answer| **answer < number).count();
        let settled = match moments.last() {
            Some(before) if before.answered == answered => before.settled,
            _ => moments.len(),
        };
        let call = calls.get(answered).map_or("after", |call| call.name);
        let what = format!("{what} in {call}");
        let state = probe.recover(&disk.crash(&Damage::None)).unwrap();
        moments.push(Moment { what, disk, state, settled, answered });
    }
    Run { moments, sold }
}

/// All cases of a test.
struct Bench {
    till: Till,
    probe: Probe,
    distinct: BTreeSet<Fingerprint>,
    cases: usize,
    real: usize,
    compound: usize,
    /// States inspected, with how many baskets had been sold.
    inspected: BTreeSet<(State, usize)>,
    failures: Vec<String>,
    by_scene: BTreeMap<&'static str, usize>,
}

impl Bench {
    fn new() -> Self {
        let till = Till::new();
        let probe = Probe::new(&till);
        Self {
            till,
            probe,
            distinct: BTreeSet::new(),
            cases: 0,
            real: 0,
            compound: 0,
            inspected: BTreeSet::new(),
            failures: Vec::new(),
            by_scene: BTreeMap::new(),
        }
    }

    fn fail(&mut self, case: &str, what: &str) {
        self.failures.push(format!("{case}: {what}"));
        assert!(self.failures.len() < FAILURES_MAX, "{:#?}", self.failures);
    }

    /// Cuts a run at every moment. `depth` 0 is a run of calls, 1 that of a recovery.
    fn cut(&mut self, name: &'static str, run: &Run, seed: u64, patterns: usize, depth: usize) {
        let mut dice = Dice::new(seed);
        for (at, moment) in run.moments.iter().enumerate() {
            let pending = moment.disk.pending();
            let plain = if depth == 0 { patterns } else { 0 };
            let all: Vec<Damage> = Damage::patterns(pending, dice.roll(), plain).collect();
            // Of very many, some: the next moment has nearly the same ones.
            let share = all.len().div_ceil(patterns * 2);
            let first = dice.below(share as u64) as usize;
            let ends = all.iter().take(2);
            for damage in ends.chain(all.iter().skip(2).skip(first).step_by(share)) {
                let image = moment.disk.crash(damage);
                if !self.distinct.insert(image.fingerprint()) {
                    continue;
                }
                self.case(name, run, at, damage, &image, depth);
            }
        }
    }

    fn case(
        &mut self,
        name: &'static str,
        run: &Run,
        at: usize,
        damage: &Damage,
        image: &Image,
        depth: usize,
    ) {
        let moment = &run.moments[at];
        let case = format!("{name}, moment {at} ({}), {damage:?}, depth {depth}", moment.what);
        self.cases += 1;
        *self.by_scene.entry(name).or_default() += 1;
        let state = match self.probe.recover(image) {
            Ok(state) => state,
            Err(error) => return self.fail(&case, &error),
        };
        let may_be = &run.moments[moment.settled..=at];
        if !may_be.iter().any(|moment| moment.state == state) {
            return self.fail(&case, "another state than those between the answer and the cut");
        }
        if self.cases.is_multiple_of(EXAMINE_EVERY) && self.has_hidden_commits(image) {
            return self
                .fail(&case, "the log of a sound database would be taken for a damaged one");
        }
        let sold = &run.sold[moment.answered];
        let is_new = self.inspected.insert((state, sold.len()));
        if is_new || self.cases.is_multiple_of(REAL_EVERY) {
            self.open_really(&case, image, sold);
        }
        if depth == 0 && self.cases.is_multiple_of(COMPOUND_EVERY) {
            self.compound += 1;
            let work = [Call::open(), Call::work(), Call::close()];
            let again = record(&mut self.till, &self.probe, image, &work, sold);
            self.cut(name, &again, at as u64, PATTERNS_AGAIN, 1);
        }
    }

    /// What the store asks of the machine's own file system before it opens a database.
    fn has_hidden_commits(&self, image: &Image) -> bool {
        let file = |name: &str| image.file(name).map(|file| file.to_vec()).unwrap_or_default();
        let (database, log) = (file(&self.probe.name), file(&format!("{}-wal", self.probe.name)));
        let Some(salt) = database.first_chunk::<16>().copied() else { return false };
        let key = salvage::RawKey::new(self.till.shop.key().bytes());
        let format = salvage::Format::KNOWN[0];
        salvage::wal::examine(&database, &log, &key, Some(&salt), format).is_losing_commits
    }

    /// Opens the store on it, looks at everything, works, closes, and looks again.
    fn open_really(&mut self, case: &str, image: &Image, sold: &[BasketId]) {
        self.real += 1;
        self.till.wake_on(image);
        if let Err(error) = self.till.open() {
            return self.fail(case, &format!("does not open: {error:?}"));
        }
        let faults = inspect(self.till.store(), sold);
        if !faults.is_empty() {
            return self.fail(case, &faults.join("; "));
        }
        let mut sold = sold.to_vec();
        match any_work(&mut self.till) {
            Ok(basket) => sold.extend(basket),
            Err(error) => return self.fail(case, &format!("does not work: {error:?}")),
        }
        self.till.close();
        if let Err(error) = self.till.open() {
            return self.fail(case, &format!("does not open again: {error:?}"));
        }
        let faults = inspect(self.till.store(), &sold);
        if !faults.is_empty() {
            self.fail(case, &format!("after work: {}", faults.join("; ")));
        }
        self.till.close();
    }
}

/// Scenes whose number is `part` modulo two, round after round with new seeds, until there are enough cases.
#[allow(clippy::print_stderr)] // How many there were belongs to the answer.
fn cut_scenes(part: usize) {
    let goal = std::env::var("POWER_CUTS").ok().and_then(|text| text.parse().ok());
    let goal = goal.unwrap_or(CASES_MIN).div_ceil(2);
    let mut bench = Bench::new();
    let scenes = scenes(&mut bench.till);
    let mut round = 0;
    while bench.distinct.len() < goal {
        for scene in scenes.iter().skip(part).step_by(2) {
            let run =
                record(&mut bench.till, &bench.probe, &scene.image, &scene.calls, &scene.sold);
            bench.cut(scene.name, &run, round, PATTERNS, 0);
        }
        round += 1;
        assert!(round < 100_000, "new seeds make new cases");
    }
    let Bench { distinct, real, compound, failures, by_scene, .. } = bench;
    assert!(failures.is_empty(), "{failures:#?}");
    eprintln!(
        "power cuts: {} distinct damaged disks, {real} opened by the store, {compound} recoveries cut \
         again, {round} rounds; {by_scene:?}",
        distinct.len()
    );
    assert!(distinct.len() >= goal);
    let share = goal / REAL_EVERY / 2;
    assert!(real > share && compound > share / 20, "{real} opened, {compound} cut again");
}

// Two tests, so that two cores share them; each makes half of the cases, on disks of its own.

#[test]
fn no_power_cut_loses_halves_or_doubles_anything() {
    cut_scenes(0);
}

#[test]
fn no_power_cut_loses_halves_or_doubles_anything_else() {
    cut_scenes(1);
}

/// The power went after the log of a damaged database was moved aside and before the file was. What is left would
/// open, without what was sold last: it must follow its log, whenever the power goes again.
#[test]
fn a_database_follows_its_log_aside() {
    let mut till = Till::new();
    let scene = scenes(&mut till).into_iter().find(|scene| scene.name == "sale").unwrap();
    till.wake_on(&scene.image);
    for call in scene.calls.iter().take(scene.calls.len() - 1) {
        call.run(&mut till).unwrap();
    }
    let whole = till.disk.snapshot().crash(&Damage::None);
    let name = till.name();
    let [database, log] = ["", "-wal"].map(|end| whole.file(&format!("{name}{end}")).unwrap());
    let mut image = Image::default();
    image.insert(name.clone(), database.clone());
    image.insert(format!("{name}.damaged-1-wal"), log.clone());
    till.wake_on(&image);
    till.disk.record(Kinds::CUTS);
    assert!(matches!(till.open(), Err(OpenError::Damaged { quarantined_to: Some(_), .. })));
    let mut moments: Vec<Snapshot> =
        till.disk.recording().into_iter().map(|moment| moment.disk).collect();
    moments.push(till.disk.snapshot());
    assert!(moments.len() > 2);
    for (at, moment) in moments.iter().enumerate() {
        for damage in Damage::patterns(moment.pending(), at as u64, 10) {
            till.wake_on(&moment.crash(&damage));
            // Moves what is still there; where nothing is, a new database is made.
            let _ = till.open();
            till.close();
            let found = |end| till.disk.read(Path::new(&format!("{name}.damaged-1{end}")));
            let found = ["", "-wal"].map(|end| found(end).map(|file| file.fingerprint()));
            let expected = [database, log].map(|file| Some(file.fingerprint()));
            assert_eq!(found, expected, "moment {at}, {damage:?}");
        }
    }
}
