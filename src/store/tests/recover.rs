//! Recovery of damaged databases: nothing that was sold is lost, nothing is invented, and selling goes on at once.

use super::count::{count_head, counted};
use super::{
    AT, STORE, Shop, acknowledge_all, article, article_json, customer_row, id, identity, life,
    load, load_articles, staff, staff_row, store_row, waiting,
};
use crate::connection::{Purpose, connect};
use crate::recover::{InspectedLife, inspect, pending, recover};
use crate::{NewOrder, OpenError, Recovery, Store};
use domain::event::Event;
use domain::id::StoreId;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use sync::ports::{DeviceKey, LifeStanding, OutboxItem, SyncStore};
use sync::protocol::event::{Envelope, EventHash, SealedEvent};
use sync::protocol::feed::Feed;

const NEW_KEY: DeviceKey = DeviceKey([0x77; 32]);

impl Shop {
    /// Starts as the program does: what is damaged is moved aside, recovered, and opened.
    pub(super) fn start(&mut self) -> (Store, Option<Recovery>) {
        let mut recovered = recover(&self.options(), &self.keys(), &NEW_KEY, AT).unwrap();
        let store = match self.try_open() {
            Err(OpenError::Damaged { quarantined_to: Some(_), .. }) => {
                recovered = recover(&self.options(), &self.keys(), &NEW_KEY, AT).unwrap();
                self.open()
            }
            other => other.unwrap(),
        };
        (store, recovered)
    }

    /// A day's work: a catalogue, a customer, sales, some of them acknowledged, a basket in work and one put aside.
    pub(super) fn day(&mut self, orders: usize, acknowledged: usize) -> Store {
        let store = self.open_for_business();
        load_articles(&store, &[(1, "Article 1"), (2, "Article 2"), (3, "Article 3")]);
        let customer = customer_row(1, "Marie Blanc", "+41791234567", "marie@example.org");
        let json = serde_json::to_string(&customer).unwrap();
        load(&store, Feed::Customers, "u1", &[("customer", json)]);
        for number in 0..orders {
            if number == acknowledged {
                acknowledge_all(&store);
            }
            self.sell(&store, &[(1, 1), (2, 2)]);
        }
        let parked = self.basket(&[(3, 4)], None);
        store.park(&parked, AT).unwrap();
        let draft = self.basket(&[(2, 7)], None);
        store.save_draft(&draft).unwrap();
        store.save_count(&count_head(), &counted(&[1, 2])).unwrap();
        store.set_setting("language", "de").unwrap();
        store
    }

    pub(super) fn flip(&self, page: usize, at: usize) {
        let file = fs::File::options().read(true).write(true).open(self.path()).unwrap();
        let offset = ((page - 1) * 4096 + at) as u64;
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 0x20], offset).unwrap();
    }

    /// Flips a bit on the first page of each table.
    fn flip_roots(&self, tables: &[&str]) {
        let options = self.options();
        let db = connect(options.files.as_ref(), &self.path(), &self.key(), Purpose::Read).unwrap();
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let pages: BTreeSet<usize> = tables
            .iter()
            .map(|table| db.query_row(sql, [table], |row| row.get(0)).unwrap())
            .collect();
        drop(db);
        for page in pages {
            self.flip(page, 2000);
        }
    }

    fn pages(&self) -> usize {
        fs::metadata(self.path()).unwrap().len() as usize / 4096
    }
}

/// Events of every life, wherever they wait, by hash; a hash may only be there once.
pub(super) fn all_waiting(store: &Store) -> Vec<OutboxItem> {
    let mut all = Vec::new();
    for life in store.lives().unwrap() {
        all.extend(store.outbox(life.id(), 10_000, 1 << 30).unwrap());
        all.extend(store.strays(life.id(), 10_000, 1 << 30).unwrap());
    }
    let hashes: BTreeSet<EventHash> = all.iter().map(OutboxItem::hash).collect();
    assert_eq!(hashes.len(), all.len(), "an event waits twice");
    all
}

pub(super) fn hashes(events: &[OutboxItem]) -> BTreeSet<EventHash> {
    events.iter().filter_map(OutboxItem::sealed).map(|event| event.hash).collect()
}

fn kinds(events: &[SealedEvent]) -> Vec<String> {
    events.iter().map(|event| Envelope::parse(&event.bytes).unwrap().kind).collect()
}

/// One flipped byte in each page in turn: whatever it hits, every event whose page is whole is there, and the shop
/// goes on in the next life.
#[test]
fn whatever_page_is_hit_the_shop_goes_on() {
    let mut shop = Shop::new();
    let store = shop.day(24, 10);
    let before = waiting(&store);
    store.close();
    let whole = fs::read(shop.path()).unwrap();
    let head = crate::recover::beside(&shop.path(), ".head");
    let noted = fs::read(&head).unwrap();
    // The first pages are the roots of the tables; of the others a share.
    let pages = (1..=shop.pages()).filter(|page| *page < 14 || page % 6 == 0);
    for page in pages {
        fs::write(shop.path(), &whole).unwrap();
        fs::write(&head, &noted).unwrap();
        for left in fs::read_dir(shop.directory.path()).unwrap().flatten() {
            if left.file_name().to_string_lossy().contains("damaged") {
                fs::remove_file(left.path()).unwrap();
            }
        }
        shop.flip(page, 2000);
        let (store, recovered) = shop.start();
        let Some(recovered) = recovered else {
            assert!(store.check_database().unwrap().is_empty(), "page {page} was not noticed");
            store.close();
            continue;
        };
        let found = all_waiting(&store);
        let lost = hashes(&before).difference(&hashes(&found)).count();
        // A page of the journal holds a few events.
        assert!(lost <= 8, "page {page}: {lost} lost");
        assert_eq!(recovered.missing, lost as u64, "page {page}: what is lost is said");
        let report = store.verify_journal().unwrap();
        assert_eq!(report.fault, None, "page {page}");
        if !recovered.is_enrolled {
            assert_eq!(store.terminal().unwrap(), None);
            store.close();
            continue;
        }
        let now = store.terminal().unwrap().unwrap();
        assert_eq!((now.epoch, &now.device_key), (1, &NEW_KEY), "page {page}");
        let lives = store.lives().unwrap();
        let standing = &lives.last().unwrap().standing;
        assert!(matches!(standing, LifeStanding::Unregistered { former_epoch: 0, .. }));
        if store.store_config().unwrap().is_some() {
            let sold = shop.sell(&store, &[(1, 1)]);
            assert!(sold.order.number.contains("-1-"), "a new epoch: {}", sold.order.number);
        }
        store.close();
    }
}

/// Until central sends the store's row again the last order tells in which currency to count (found by the
/// simulation).
#[test]
fn a_shift_can_be_ended_though_the_row_of_the_store_is_lost() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let shift = store.open_shift(staff(1), AT).unwrap();
    let basket = shop.basket(&[(1, 1)], None);
    // Due on delivery: no cash tells the currency.
    let order = NewOrder { payment: None, ..shop.new_order(basket, shift.id, AT) };
    store.commit_order(order).unwrap();
    store.close();
    shop.flip_roots(&["base_store", "spare_config"]);
    let (store, recovered) = shop.start();
    assert!(recovered.unwrap().is_enrolled);
    assert_eq!(store.store_config().unwrap(), None);
    store.close_shift(AT).unwrap();
    let last =
        all_waiting(&store).into_iter().filter_map(|item| item.sealed().cloned()).next_back();
    let event = Envelope::parse(&last.unwrap().bytes).unwrap().event().unwrap();
    assert!(matches!(event, Event::ShiftClosed { cash, .. } if cash.minor() == 0), "{event:?}");
}

/// Staff and store are kept on two pages each: without them nobody can sign in.
#[test]
fn one_damaged_page_leaves_the_staff_and_the_store() {
    for tables in [["base_staff", "base_store"], ["spare_config"; 2]] {
        let mut shop = Shop::new();
        let store = shop.open_for_business();
        let (staff, config) = (store.staff().unwrap(), store.store_config().unwrap());
        assert!(staff.len() == 1 && config.is_some());
        store.close();
        shop.flip_roots(&tables);
        let (store, recovered) = shop.start();
        assert!(recovered.unwrap().is_enrolled);
        assert_eq!((store.staff().unwrap(), store.store_config().unwrap()), (staff, config));
    }
}

#[test]
fn who_left_is_not_in_the_spare_rows_either() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load(&store, Feed::Config, "c2", &[("store", store_row()), ("staff", staff_row(2))]);
    let staff = store.staff().unwrap();
    assert_eq!(staff.len(), 1);
    store.close();
    shop.flip_roots(&["base_staff"]);
    let (store, _) = shop.start();
    assert_eq!(store.staff().unwrap(), staff);
}

#[test]
fn what_is_not_damaged_is_all_there() {
    let mut shop = Shop::new();
    let store = shop.day(30, 12);
    let before = waiting(&store);
    let shift = store.current_shift().unwrap().unwrap();
    let totals = store.totals().unwrap();
    let (draft, parked) = (store.draft().unwrap(), store.parked().unwrap());
    let count = store.count().unwrap();
    assert_eq!(count.as_ref().unwrap().lines.len(), 2);
    store.close();
    // The first page: neither SQLite nor the schema can be read, every row is.
    for at in [100, 1000, 3000] {
        shop.flip(1, at);
    }
    let (store, recovered) = shop.start();
    let recovered = recovered.unwrap();
    assert_eq!((recovered.orders, recovered.missing), (30, 0));
    assert!(recovered.is_enrolled && !recovered.needs_enrolment && !recovered.is_acknowledged);
    assert_eq!((recovered.articles, recovered.customers), (3, 1));
    assert!(recovered.file.exists());
    assert_eq!(store.totals().unwrap(), totals);
    assert_eq!((store.draft().unwrap(), store.parked().unwrap()), (draft, parked));
    assert_eq!(store.count().unwrap(), count);
    assert_eq!(store.setting("language").unwrap().as_deref(), Some("de"));
    assert_eq!(store.current_shift().unwrap().unwrap().id, shift.id, "the shift goes on");
    assert_eq!(store.search_articles("article", 9).unwrap().len(), 3);
    let carried = store.article_by_gtin(super::gtin(3)).unwrap().unwrap();
    assert_eq!((carried.packs.len(), carried), (1, article(3)));
    assert_eq!(store.search_customers("marie", 9).unwrap().len(), 1);
    assert_eq!(store.staff().unwrap().len(), 1);

    // The former life goes on by number, then the new one.
    let former = store.outbox(life(0), 1000, 1 << 20).unwrap();
    assert_eq!(hashes(&former), hashes(&before));
    let next = store.outbox(life(1), 1000, 1 << 20).unwrap();
    let next: Vec<SealedEvent> = next.iter().filter_map(|it| it.sealed().cloned()).collect();
    assert_eq!(kinds(&next), ["terminal.renewed"]);
    assert!(next[0].bytes.contains("\"recovered\""), "{}", next[0].bytes);
    assert_eq!(store.verify_journal().unwrap().fault, None);
    assert_eq!(store.check_database().unwrap(), Vec::<String>::new());

    // It is told until somebody has read it, and never again after that.
    assert_eq!(store.recovery().unwrap(), Some(recovered));
    store.acknowledge_recovery().unwrap();
    store.close();
    let (store, again) = shop.start();
    assert_eq!(again, None);
    assert!(store.recovery().unwrap().unwrap().is_acknowledged);
    // Feeds begin anew and replace what was carried over.
    assert_eq!(store.feed_progress(Feed::Catalogue).unwrap().cursor, None);
    load(&store, Feed::Catalogue, "k9", &[("article", article_json(1, "Article 1", 1))]);
    assert_eq!(store.search_articles("", 9).unwrap().len(), 1);
    assert_eq!(store.feed_progress(Feed::Catalogue).unwrap().rows, 1);
}

#[test]
fn commits_that_a_damaged_log_hides_are_not_lost() {
    let mut shop = Shop::new();
    let store = shop.day(3, 0);
    // What the machine leaves when the plug is pulled: the log is not copied back.
    for _ in 0..20 {
        shop.sell(&store, &[(1, 1)]);
    }
    let before = waiting(&store);
    let log_path = crate::recover::beside(&shop.path(), "-wal");
    let (file, mut log) = (fs::read(shop.path()).unwrap(), fs::read(&log_path).unwrap());
    store.close();
    let frames = (log.len() - 32) / 4120;
    assert!(frames > 60);
    log[32 + (frames - 60) * 4120 + 300] ^= 1;
    fs::write(shop.path(), file).unwrap();
    fs::write(&log_path, log).unwrap();

    let (store, recovered) = shop.start();
    let recovered = recovered.expect("SQLite alone would have dropped sales without a word");
    assert!(recovered.missing <= 4, "{recovered:?}");
    let lost = hashes(&before).difference(&hashes(&all_waiting(&store))).count();
    assert_eq!(lost as u64, recovered.missing);
    assert!(recovered.orders + 2 >= 23, "{recovered:?}");
}

#[test]
fn without_an_identity_the_events_wait_for_another() {
    let mut shop = Shop::new();
    let store = shop.day(5, 2);
    let before = waiting(&store);
    store.close();
    let inspected = inspect(&shop.path(), &shop.keys()).unwrap();
    let [InspectedLife { events: 12, has_key: true, .. }] = inspected.lives[..] else {
        panic!("{inspected:?}");
    };
    // The row of the life and its copy: pages without which the identity is not found.
    let whole = fs::read(shop.path()).unwrap();
    let identity_pages: Vec<usize> = {
        let key = salvage::RawKey::new(shop.key().bytes());
        let salvaged = salvage::Salvage::open(&key, &whole, &salvage::Nothing, None);
        let tables = salvaged.tables();
        let root = |name| tables.iter().find(|table| table.name == name).unwrap().root as usize;
        ["life", "setting"].map(root).into()
    };
    for page in identity_pages {
        shop.flip(page, 3000);
        let lives = inspect(&shop.path(), &shop.keys()).unwrap().lives;
        let is_last = page > 2;
        assert_eq!(lives.iter().any(|life| life.has_key), !is_last);
    }
    let (store, recovered) = shop.start();
    let recovered = recovered.unwrap();
    assert!(!recovered.is_enrolled);
    assert_eq!(store.terminal().unwrap(), None);

    store.enrol(&identity(7), "crossroads 0.1.0", AT).unwrap();
    let file = recovered.file.clone();
    assert_eq!(store.hand_over(&file, &shop.keys()).unwrap(), 12);
    assert_eq!(store.hand_over(&file, &shop.keys()).unwrap(), 0, "twice is once");
    let found = all_waiting(&store);
    assert!(hashes(&found).is_superset(&hashes(&before)));
    assert_eq!(store.verify_journal().unwrap().fault, None);
    let strays = store.strays(life(0), 1000, 1 << 20).unwrap();
    assert_eq!(strays.len(), 12);
    assert!(store.outbox(life(0), 1000, 1 << 20).unwrap().is_empty());
    assert_eq!(store.terminal().unwrap().unwrap().epoch, 7);
}

#[test]
fn a_recovery_that_is_cut_off_begins_again() {
    let mut shop = Shop::new();
    let store = shop.day(8, 3);
    let before = waiting(&store);
    store.close();
    shop.flip(1, 500);
    assert!(matches!(shop.try_open(), Err(OpenError::Damaged { .. })));
    assert_eq!(pending(&shop.options()).unwrap().len(), 1);
    // Cut off while it wrote: half a draft lies there.
    let draft = crate::recover::beside(&shop.path(), ".recovering");
    fs::write(&draft, vec![7; 50_000]).unwrap();
    fs::write(crate::recover::beside(&draft, "-wal"), vec![8; 9_000]).unwrap();
    let (store, recovered) = shop.start();
    assert_eq!(recovered.unwrap().orders, 8);
    assert!(hashes(&all_waiting(&store)).is_superset(&hashes(&before)));
    assert!(!draft.exists());
    assert_eq!(pending(&shop.options()).unwrap(), Vec::<std::path::PathBuf>::new());
    store.close();

    // Cut off while it was moved aside: the log had gone already.
    fs::write(crate::recover::beside(&shop.path(), ".damaged-2-wal"), [1; 100]).unwrap();
    let (store, recovered) = shop.start();
    assert!(recovered.is_some());
    assert!(hashes(&all_waiting(&store)).is_superset(&hashes(&before)));
    assert_eq!(store.terminal().unwrap().unwrap().epoch, 2);
}

#[test]
fn a_basket_that_was_sold_does_not_come_back() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let basket = shop.basket(&[(1, 1)], None);
    let shift = store.open_shift(staff(1), AT).unwrap().id;
    store.save_draft(&basket).unwrap();
    store.commit_order(shop.new_order(basket.clone(), shift, AT)).unwrap();
    // As if the page of the draft had not been written with the order's.
    store.save_draft(&basket).unwrap();
    store.close();
    shop.flip(1, 300);
    let (store, recovered) = shop.start();
    assert_eq!(recovered.unwrap().orders, 1);
    assert_eq!(store.draft().unwrap(), None);
}

#[test]
fn a_full_or_forbidden_disk_loses_nothing_and_says_so() {
    let mut shop = Shop::new();
    shop.day(4, 1).close();
    shop.flip(1, 500);
    assert!(matches!(shop.try_open(), Err(OpenError::Damaged { .. })));
    // A folder in the way of the draft stands for a disk that refuses.
    let draft = crate::recover::beside(&shop.path(), ".recovering");
    fs::create_dir(&draft).unwrap();
    let refused = recover(&shop.options(), &shop.keys(), &NEW_KEY, AT).unwrap_err();
    assert!(refused.to_string().contains("recovering"), "{refused}");
    assert_eq!(pending(&shop.options()).unwrap().len(), 1, "it is still due");
    fs::remove_dir(&draft).unwrap();
    let (store, recovered) = shop.start();
    assert_eq!(recovered.unwrap().orders, 4);
    assert_eq!(store.terminal().unwrap().unwrap().store, id(STORE, StoreId::from_uuid));
}

/// The first bytes gone and the log hit: SQLite fails at first, and closing that connection must not copy back what it
/// understands of the log and delete the rest.
#[test]
fn a_first_look_at_a_damaged_database_costs_nothing() {
    let mut shop = Shop::new();
    let store = shop.day(3, 0);
    for _ in 0..20 {
        shop.sell(&store, &[(1, 1)]);
    }
    let before = waiting(&store);
    let log_path = crate::recover::beside(&shop.path(), "-wal");
    let (mut file, mut log) = (fs::read(shop.path()).unwrap(), fs::read(&log_path).unwrap());
    store.close();
    file[..4096].fill(0);
    let middle = 32 + (log.len() - 32) / 4120 / 2 * 4120;
    log[middle + 30..middle + 9_000].fill(0x55);
    fs::write(shop.path(), file).unwrap();
    fs::write(&log_path, &log).unwrap();
    let aside_log = crate::recover::beside(&shop.path(), ".damaged-1-wal");
    let (store, recovered) = shop.start();
    let recovered = recovered.unwrap();
    assert_eq!(fs::read(aside_log).unwrap(), log, "the log is kept as it was");
    let lost = hashes(&before).difference(&hashes(&all_waiting(&store))).count();
    assert!(lost as u64 <= recovered.missing && lost < 12, "{lost} lost, {recovered:?}");
    assert!(recovered.has_open_end);
}
