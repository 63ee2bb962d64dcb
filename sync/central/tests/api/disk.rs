//! Central's disk refuses (it is full, or fails) at every operation of its work: the call that met it says so, the
//! terminal's next try is taken, and the books are those of a run without trouble (invariants 1 and 2).
//!
//! `IO_FAULTS=all cargo test -p crossroads-central disk` tries every way to fail at every operation, and not one way
//! after the other.

use crate::in_process::try_token;
use crate::power::{Office, Plan, begin, books};
use crate::world::TestRim;
use central::check;
use central::in_process::{Durability, InProcess};
use central::task::Unwatched;
use fault::{Failure, Fault, Image, Kinds, Lasts};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use sync::call::Fault as CallFault;
use sync::protocol::problem::Retry;

/// How a disk fails, and for how long.
const WAYS: [(Failure, Lasts); 5] = [
    (Failure::Full, Lasts::UntilHealed),
    (Failure::Io, Lasts::Once),
    (Failure::Full, Lasts::Once),
    (Failure::Io, Lasts::UntilHealed),
    (Failure::ReadOnly, Lasts::UntilHealed),
];
/// Tries of one step after the disk is well again; a terminal tries for ever.
const TRIES_MAX: usize = 3;

struct Bench {
    office: Office,
    plan: Plan,
    image: Image,
    expected: String,
    cases: usize,
    refused: usize,
    shrugged: usize,
}

impl Bench {
    /// One fault in the whole work. False if there are not so many operations.
    fn case(&mut self, failure: Failure, first: u64, lasts: Lasts) -> bool {
        let case = format!("{failure:?} at {first}, {lasts:?}");
        self.office.served = None;
        self.office.disk.load(&self.image);
        self.office.open_well(self.plan.terminal);
        self.office.disk.inject(Fault::new(failure, first, lasts));
        let (mut hits, mut was_refused) = (0, false);
        for step in self.plan.steps.clone() {
            let Err(undone) = self.office.try_to(&self.plan, &step) else { continue };
            was_refused = true;
            if let Some(fault) = &undone.answer {
                assert!(is_worth_another_try(fault), "{case}: the terminal gives up: {fault:?}");
            }
            // Somebody makes room, or the cable is put back. Whether central goes on by itself or a person starts it
            // again, nothing may be lost.
            hits += self.office.disk.heal();
            let mut tries = 0;
            while let Err(still) = self.office.try_to(&self.plan, &step) {
                tries += 1;
                assert!(
                    tries < TRIES_MAX,
                    "{case}: not even now: {}, after {}",
                    still.what,
                    undone.what
                );
                self.office.served = None;
            }
        }
        hits += self.office.disk.heal();
        if hits == 0 {
            return false;
        }
        self.cases += 1;
        self.refused += usize::from(was_refused);
        self.shrugged += usize::from(!was_refused);
        let checked = self.office.read(|c| Ok(check::look(c, &mut Unwatched)));
        assert!(checked.is_well(), "{case}: {checked:?}");
        assert_eq!(self.office.read(books), self.expected, "{case}: other books");
        true
    }
}

/// Whether a terminal asks again by itself.
fn is_worth_another_try(fault: &CallFault) -> bool {
    match fault {
        CallFault::Problem { problem, .. } => {
            problem.retry == Retry::Later && (500..600).contains(&problem.status)
        }
        _ => false,
    }
}

#[test]
fn a_disk_that_refuses_central_costs_nothing_but_the_call() {
    let is_whole = std::env::var("IO_FAULTS").is_ok_and(|text| text == "all");
    let mut office = Office::new();
    let (image, plan) = begin(&mut office);
    office.disk.load(&image);
    office.open_well(plan.terminal);
    for step in &plan.steps {
        office.take(&plan, step);
    }
    let expected = office.read(books);
    let (cases, refused, shrugged) = (0, 0, 0);
    let mut bench = Bench { office, plan, image, expected, cases, refused, shrugged };
    for (at, (failure, lasts)) in WAYS.into_iter().enumerate() {
        let stride = if is_whole { 1 } else { WAYS.len() as u64 };
        let mut first = if is_whole { 1 } else { at as u64 + 1 };
        while bench.case(failure, first, lasts) {
            first += stride;
        }
    }
    println!(
        "disk faults of central: {} cases, {} told to who asked, {} without anybody noticing",
        bench.cases, bench.refused, bench.shrugged
    );
    assert!(bench.refused > 50 && bench.shrugged > 0);
}

/// An office on a socket, for those who ask whether it is well.
struct Clinic {
    office: Office,
    rim: Arc<TestRim>,
    url: String,
}

impl Clinic {
    async fn open() -> (Self, Plan) {
        let rim = TestRim::new();
        let (for_central, mut office) = (Arc::clone(&rim), Office::new());
        let opening = move || {
            let (image, plan) = begin(&mut office);
            office.disk.load(&image);
            let (path, vfs) = (Path::new("/central"), Some(office.disk.vfs()));
            let central = InProcess::in_directory(path, vfs, Durability::Full, for_central);
            let central = central.unwrap();
            let token = try_token(&central, plan.terminal).unwrap();
            office.served = Some((central, token));
            (office, plan)
        };
        let (office, plan) = tokio::task::spawn_blocking(opening).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let central = Arc::clone(office.served.as_ref().unwrap().0.central());
        let (options, for_ever) = (central::ServeOptions::default(), std::future::pending());
        tokio::spawn(central::serve(listener, central, options, for_ever));
        // It builds snapshots and keeps house first; from then on only who asks moves the disk.
        let mut calm = 0;
        while calm < 5 {
            let before = office.disk.operations();
            tokio::time::sleep(Duration::from_millis(100)).await;
            calm = if office.disk.operations() == before { calm + 1 } else { 0 };
        }
        (Self { office, rim, url }, plan)
    }

    /// Status, and the reason when it is not well.
    async fn health(&self) -> (u16, String) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(&self.url).send().await.unwrap();
        let status = answer.status().as_u16();
        let told: serde_json::Value = answer.json().await.unwrap();
        (status, told["title"].as_str().unwrap_or_default().to_owned())
    }

    fn refuse(&self, failure: Failure) {
        self.office.disk.inject(Fault::new(failure, 1, Lasts::UntilHealed));
    }
}

/// One line, one case: how the disk fails, and what health says of it.
const ILLNESSES: [(Failure, &str); 3] = [
    (Failure::Full, "the database cannot be written: the disk is full"),
    (Failure::ReadOnly, "the disk fails, or may only be read"),
    (Failure::Io, "the disk fails, or may only be read"),
];
/// As long as health believes what it knows.
const WHILE_MS: i64 = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn health_says_that_nothing_can_be_written_also_when_nobody_pushes() {
    for (failure, reason) in ILLNESSES {
        let (clinic, _) = Clinic::open().await;
        assert_eq!(clinic.health().await.0, 200);
        clinic.refuse(failure);
        clinic.rim.pass_ms(WHILE_MS);
        assert_eq!(clinic.health().await, (503, reason.into()), "{failure:?}");
        // It goes on, asked at once and later, and says so at last when it is well.
        assert_eq!(clinic.health().await.0, 503, "{failure:?}");
        clinic.rim.pass_ms(WHILE_MS);
        assert_eq!(clinic.health().await, (503, reason.into()), "{failure:?}");
        assert!(clinic.office.disk.heal() > 0);
        clinic.rim.pass_ms(WHILE_MS);
        assert_eq!(clinic.health().await.0, 200, "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_knows_at_once_of_a_push_that_was_refused() {
    let (mut clinic, plan) = Clinic::open().await;
    assert_eq!(clinic.health().await.0, 200);
    clinic.refuse(Failure::Full);
    assert_eq!(clinic.health().await.0, 200, "it has just been seen that it writes");
    let step = plan.steps[0].clone();
    let push = |clinic: &mut Clinic| clinic.office.try_to(&plan, &step).is_ok();
    assert!(!push(&mut clinic));
    assert_eq!(clinic.health().await.0, 503);
    clinic.office.disk.heal();
    clinic.rim.pass_ms(WHILE_MS);
    assert!(push(&mut clinic));
    assert_eq!(clinic.health().await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_that_is_asked_often_does_not_wear_the_disk() {
    let (clinic, _) = Clinic::open().await;
    assert_eq!(clinic.health().await.0, 200);
    let before = clinic.office.disk.count(Kinds::CUTS);
    for _ in 0..50 {
        assert_eq!(clinic.health().await.0, 200);
    }
    assert_eq!(clinic.office.disk.count(Kinds::CUTS), before);
    clinic.rim.pass_ms(WHILE_MS);
    assert_eq!(clinic.health().await.0, 200);
    let one = clinic.office.disk.count(Kinds::CUTS) - before;
    assert!((2..10).contains(&one), "{one} writes and syncs for a look");
    // Not even while nothing can be written.
    clinic.refuse(Failure::Full);
    clinic.rim.pass_ms(WHILE_MS);
    for _ in 0..2 {
        assert_eq!(clinic.health().await.0, 503);
    }
    let before = clinic.office.disk.hits();
    for _ in 0..50 {
        assert_eq!(clinic.health().await.0, 503);
    }
    assert_eq!(clinic.office.disk.hits(), before);
}
