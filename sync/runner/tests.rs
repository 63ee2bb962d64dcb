//! The runner with real threads and real time, on a storage and a central in memory.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::memory::{Behaviour, MemoryStore, ScriptedCentral, sample};
use crate::protocol::feed::Feed;
use crate::status::{Line, SyncProblem};
use domain::time::DeviceTime;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Nothing here may take longer, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct RealClock(tokio::time::Instant);

impl Clock for RealClock {
    fn now(&self) -> DeviceTime {
        DeviceTime(1_800_000_000_000 + self.monotonic_ms() as i64)
    }
    fn monotonic_ms(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }
}

struct Shop {
    store: Arc<MemoryStore>,
    central: Arc<ScriptedCentral>,
    handle: RunnerHandle,
}

impl Shop {
    fn open(is_enrolled: bool) -> Self {
        let store = Arc::new(MemoryStore::default());
        let central = Arc::new(ScriptedCentral::default());
        central.with(|model| {
            model.admit(&sample::identity(1));
            Feed::ALL.iter().for_each(|feed| (0..9).for_each(|n| model.put(*feed, n, 1)));
        });
        if is_enrolled {
            enrol(&store);
        }
        let ports = RunnerPorts {
            store: store.clone(),
            central: central.clone(),
            clock: Arc::new(RealClock(tokio::time::Instant::now())),
            rng: Box::new(StdRng::seed_from_u64(3)),
        };
        Self { store, central, handle: spawn(ports, &Handle::current()) }
    }

    fn sell(&self, n: u64) {
        self.store.append(&sample::event(n), DeviceTime(1));
        self.handle.nudge();
    }

    async fn until(&self, what: &str, mut is_so: impl FnMut(&SyncStatus) -> bool) -> SyncStatus {
        let mut status = self.handle.status();
        let waiting = async {
            loop {
                if is_so(&status.borrow_and_update()) {
                    return status.borrow().clone();
                }
                // Rows and outbox may change without the status.
                let _ = tokio::time::timeout(Duration::from_millis(20), status.changed()).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or_else(|_| panic!("not {what}: {:?}", self.handle.status().borrow()))
    }

    async fn settled(&self) -> SyncStatus {
        self.until("settled", |status| {
            status.line == Line::Online
                && status.percent == 100
                && !status.is_busy
                && self.store.outbox_len() == 0
        })
        .await
    }
}

fn enrol(store: &MemoryStore) {
    store.enrol(&sample::identity(1), "crossroads/test", DeviceTime(1)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_of_a_terminal() {
    let shop = Shop::open(false);
    assert_eq!(shop.handle.status().borrow().line, Line::Unknown);
    enrol(&shop.store);
    shop.handle.nudge();
    let status = shop.settled().await;
    assert_eq!((status.problem, status.is_first_sync_done()), (None, true));
    for n in 0..20 {
        shop.sell(n);
    }
    shop.until("sent", |_| shop.store.outbox_len() == 0).await;
    let held = shop.central.with(|model| model.events(sample::identity(1).id.uuid()));
    assert_eq!(held.len(), 21);
    // A price change at central is here within a second.
    let revision = shop.handle.status().borrow().first_sync[1].revision;
    let began = tokio::time::Instant::now();
    shop.central.with(|model| model.put(Feed::Catalogue, 2, 77));
    shop.until("priced", |status| status.first_sync[1].revision > revision).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let rows = shop.central.with(|model| model.rows(Feed::Catalogue));
    assert_eq!(shop.store.rows(Feed::Catalogue), rows);
    shop.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_line_is_silent() {
    let shop = Shop::open(true);
    shop.settled().await;
    shop.handle.cut(true);
    shop.until("cut", |status| status.is_cut && status.line == Line::Offline).await;
    let before = shop.central.log().len();
    shop.sell(1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(shop.central.log().len(), before);
    assert_eq!(shop.store.outbox_len(), 1);
    shop.handle.cut(false);
    shop.settled().await;
    shop.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_central_that_hangs_holds_nobody() {
    let shop = Shop::open(true);
    shop.central.stand(Behaviour::Hang);
    shop.until("asked", |status| status.is_busy && !shop.central.log().is_empty()).await;
    shop.handle.cut(true);
    shop.until("cut", |status| status.is_cut && !status.is_busy).await;
    shop.central.stand(Behaviour::Answer);
    shop.handle.cut(false);
    shop.settled().await;
    shop.central.stand(Behaviour::Hang);
    shop.sell(1);
    shop.until("asked", |status| status.is_busy).await;
    tokio::time::timeout(PATIENCE, shop.handle.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_is_told_and_passes() {
    let shop = Shop::open(true);
    shop.settled().await;
    let html = Fault::Garbage { content_type: "text/html".into() };
    shop.central.stand(Behaviour::Fail(html));
    shop.sell(1);
    let told = Some(SyncProblem::NotCentral);
    shop.until("told", |s| s.problem == told && s.line == Line::Troubled).await;
    shop.central.stand(Behaviour::Answer);
    shop.handle.nudge();
    let status = shop.until("over", |s| s.problem.is_none() && s.line == Line::Online).await;
    assert!(status.last_contact.is_some());
    shop.store.set_failing(true);
    shop.sell(2);
    let told = Some(SyncProblem::StorageFailed);
    shop.until("told", |status| status.problem == told).await;
    shop.store.set_failing(false);
    shop.handle.nudge();
    shop.until("over", |s| s.problem.is_none() && shop.store.outbox_len() == 0).await;
    shop.handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_runner_sleeps() {
    let shop = Shop::open(true);
    shop.settled().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = shop.central.log().len();
    let mut status = shop.handle.status();
    status.mark_unchanged();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(shop.central.log().len(), before, "no request in two idle seconds");
    assert!(!status.has_changed().unwrap(), "and nothing to tell");
    shop.handle.shutdown().await;
}
