//! The terminal's store: rows that central sends, words that people search for, and the file of the key.
//!
//! Whatever a page or a chunk says, the answer is a value: an error would mean that the disk or the database failed.

use domain::gtin::Gtin;
use domain::id::{CustomerId, IdSource, StoreId, TerminalId};
use domain::time::DeviceTime;
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use store::{FileKeyStore, KeyStore, Store, StoreOptions, Writing};
use sync::ports::{Applied, DeviceKey, SyncStore, TerminalIdentity};
use sync::protocol::feed::{ChangesPage, Feed};
use sync::protocol::snapshot::{ChunkInfo, FeedSnapshot, SnapshotLine};
use sync::snapshot::{pack, sha256_hex};
use uuid::Uuid;

const AT: DeviceTime = DeviceTime(1_800_000_000_000);
const LINES_MAX: usize = 32;
const FEEDS: [Feed; 5] =
    [Feed::Config, Feed::Catalogue, Feed::Stock, Feed::Customers, Feed::History];
/// A store that has seen so much is thrown away, so that one input cannot spoil it for all.
const USES_MAX: u32 = 200;

struct Counter(u128);
impl IdSource for Counter {
    fn next_uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
}

struct Shop {
    store: Store,
    uses: u32,
    _directory: tempfile::TempDir,
}

impl Shop {
    fn open() -> Self {
        let directory = tempfile::tempdir().expect("a folder for a test's files");
        let mut options = StoreOptions::in_directory(directory.path());
        options.writing = Writing::Caller { checkpoint_pages: 1000 };
        let keys = FileKeyStore::in_directory(directory.path());
        let store = Store::open(&options, &keys, Box::new(Counter(1 << 64)));
        let store = store.expect("a new store opens");
        let identity = TerminalIdentity {
            id: TerminalId::from_uuid(Uuid::from_u128(0x7e)),
            epoch: 0,
            name: "T01".into(),
            store: StoreId::from_uuid(Uuid::from_u128(0x50)),
            store_name: "Bern".into(),
            central: "http://localhost:1".into(),
            device_key: DeviceKey([9; 32]),
        };
        store.enrol(&identity, "fuzz", AT).expect("a new store enrols");
        Self { store, uses: 0, _directory: directory }
    }
}

thread_local! {
    static SHOP: RefCell<Option<Shop>> = const { RefCell::new(None) };
}

/// Lines; the first letter says what a line is: `p` a page, `l` a line of a chunk, `c` a whole chunk, `q` words that
/// somebody searches for. The second letter names the feed, 0 to 4.
pub fn run(bytes: &[u8]) {
    SHOP.with_borrow_mut(|kept| {
        let mut shop = kept.take().filter(|shop| shop.uses < USES_MAX).unwrap_or_else(Shop::open);
        shop.uses += 1;
        feed(&shop.store, bytes);
        if shop.uses == USES_MAX {
            let faults = shop.store.check_database().expect("the database can be checked");
            assert!(faults.is_empty(), "{faults:?}");
        }
        // A panic on the way drops the store with all that was in it.
        *kept = Some(shop);
    });
}

fn feed(store: &Store, bytes: &[u8]) {
    FEEDS.iter().for_each(|feed| store.reset_feed(*feed).expect("a feed can be reset"));
    for line in bytes.split(|byte| *byte == b'\n').take(LINES_MAX) {
        let [kind, feed, rest @ ..] = line else { continue };
        let feed = FEEDS[usize::from(*feed) % FEEDS.len()];
        match kind {
            b'p' => page(store, feed, rest),
            b'l' => snapshot_line(store, feed, rest),
            b'c' => chunk(store, feed, rest, 1),
            b'q' => search(store, &String::from_utf8_lossy(rest)),
            _ => {}
        }
    }
}

/// The cursor of the feed, which a snapshot without chunks sets when there is none.
fn cursor(store: &Store, feed: Feed) -> Option<String> {
    let progress = store.feed_progress(feed).expect("progress can be read");
    if progress.cursor.is_some() {
        return progress.cursor;
    }
    let plan =
        FeedSnapshot { feed, cursor: "start".into(), rows: 0, chunks: vec![], checkpoint: None };
    store.begin_snapshot(&plan).expect("a snapshot can be begun");
    store.feed_progress(feed).expect("progress can be read").cursor
}

fn page(store: &Store, feed: Feed, bytes: &[u8]) {
    let Ok(page) = serde_json::from_slice::<ChangesPage>(bytes) else { return };
    let Some(after) = cursor(store, feed) else { return };
    let applied = store.apply_page(feed, &after, &page, AT).expect("a page is judged");
    let now = store.feed_progress(feed).expect("progress can be read").cursor;
    if applied == Applied::Committed {
        assert_eq!(now.as_deref(), Some(page.next.as_str()));
        if page.next != after {
            let again = store.apply_page(feed, &after, &page, AT).expect("a page is judged");
            assert_eq!(again, Applied::Stale);
        }
    }
    if matches!(applied, Applied::Damaged | Applied::Stale) {
        assert_eq!(now, Some(after), "nothing changed");
    }
    read_all(store);
}

fn snapshot_line(store: &Store, feed: Feed, bytes: &[u8]) {
    let Ok(line) = serde_json::from_slice::<SnapshotLine>(bytes) else { return };
    let Ok(packed) = pack(&[line]) else { return };
    chunk(store, feed, &packed.bytes, packed.info.rows);
}

fn chunk(store: &Store, feed: Feed, bytes: &[u8], rows: u64) {
    let info = ChunkInfo { sha256: sha256_hex(bytes), bytes: bytes.len() as u64, rows };
    let plan = FeedSnapshot {
        feed,
        cursor: "next".into(),
        rows,
        chunks: vec![info.clone()],
        checkpoint: None,
    };
    store.reset_feed(feed).expect("a feed can be reset");
    store.begin_snapshot(&plan).expect("a snapshot can be begun");
    let applied = store.apply_chunk(feed, &info.sha256, bytes, AT).expect("a chunk is judged");
    let now = store.feed_progress(feed).expect("progress can be read").cursor;
    if applied == Applied::Committed {
        assert_eq!(now.as_deref(), Some("next"));
    }
    read_all(store);
}

fn search(store: &Store, text: &str) {
    let found = store.search_articles(text, 20).expect("articles can be searched");
    assert!(found.len() <= 20);
    for article in &found {
        store.stock(article.id).expect("stock can be read");
    }
    for customer in store.search_customers(text, 20).expect("customers can be searched") {
        store.customer(customer.id).expect("a customer can be read");
    }
    store.order_by_number(text).expect("orders can be looked up");
    store.customer_by_card(text).expect("cards can be looked up");
    if let Ok(gtin) = Gtin::parse(text) {
        store.article_by_gtin(gtin).expect("articles can be looked up");
    }
}

/// What was let in can be read out.
fn read_all(store: &Store) {
    store.store_config().expect("the configuration can be read");
    store.staff().expect("staff can be read");
    store.sync_status().expect("the status can be read");
    let customer = CustomerId::from_uuid(Uuid::from_u128(1));
    store.customer(customer).expect("a customer can be read");
    search(store, "");
    search(store, "a");
}

/// The file of the database's key: 64 digits, or refused.
pub fn key(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a folder for a test's files");
    let path = directory.path().join("key");
    std::fs::write(&path, bytes).expect("the file can be written");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, mode).expect("the file is ours");
    let keys = FileKeyStore::new(&path);
    let read = keys.existing_key();
    if let Ok(Some(_)) = &read {
        assert_eq!(String::from_utf8_lossy(bytes).trim().len(), 64);
    }
    assert!(keys.create_key().is_err(), "what is there is never written over");
    assert_eq!(std::fs::read(&path).ok().as_deref(), Some(bytes));
}
