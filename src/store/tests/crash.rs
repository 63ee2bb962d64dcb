//! Pulled plugs: the files as they are at any moment, copied away mid-transaction, open to a whole state.
//!
//! A copy of the files is what a killed process leaves (the kernel keeps what was written). What a power cut
//! leaves needs a file system that forgets unsynced writes; `tests/sim` owns that.

use super::*;
use std::fs;
use std::sync::atomic::AtomicBool;

#[test]
fn a_transaction_that_was_cut_off_never_was() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    shop.sell(&store, &[(1, 1)]);
    let mut cut = Shop::new();
    // Baskets of its own: the same basket would not be sold again.
    cut.ids.0 += 0x1000_0000_0000;
    let target = cut.directory.path().to_owned();
    let source = shop.directory.path().to_owned();
    // Everything of a sale is written and spilled to the log, but not committed, when the plug is pulled.
    store
        .write("cut off", move |session| {
            session.connection.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1;")?;
            let (tx, _) = session.begin()?;
            let mut life = crate::life::Life::required(&tx)?;
            for number in 0..200 {
                let event = domain::event::Event::ShiftOpened {
                    shift: id(number, ShiftId::from_uuid),
                    staff: staff(1),
                };
                crate::journal::append(&tx, &mut life, AT, &event)?;
            }
            life.save_head(&tx)?;
            tx.execute_batch(
                "DELETE FROM own_tender; DELETE FROM own_line; DELETE FROM own_order;",
            )?;
            for name in fs::read_dir(&source).unwrap() {
                let from = name.unwrap().path();
                fs::copy(&from, target.join(from.file_name().unwrap())).unwrap();
            }
            Ok::<_, crate::StoreError>(())
        })
        .unwrap();
    let wal = fs::metadata(cut.directory.path().join("crossroads.db-wal")).unwrap().len();
    assert!(wal > 100_000, "the transaction was on its way to the disk: {wal}");
    let recovered = cut.open();
    assert_eq!(recovered.totals().unwrap().orders, 1);
    let report = recovered.verify_journal().unwrap();
    assert_eq!((report.events, report.fault), (4, None));
    assert_eq!(recovered.check_database().unwrap(), Vec::<String>::new());
    assert_eq!(store.totals().unwrap().orders, 1);
    assert_eq!(cut.sell(&recovered, &[(1, 1)]).order.number, "S012-T03-0-000002");
}

/// Copies at random moments of selling and loading: every receipt given before the copy is in it, once.
#[test]
fn every_receipt_given_survives_a_kill() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    store.open_shift(staff(1), AT).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let loader = {
        let (store, done) = (store.clone(), Arc::clone(&done));
        std::thread::spawn(move || {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                let rows: Vec<(&str, String)> = (0..400)
                    .map(|n| ("article", article_json(n, &format!("Ware {n} {round}"), n)))
                    .collect();
                load(&store, Feed::Catalogue, &format!("k{round}"), &rows);
            }
        })
    };
    let mut receipts = Vec::new();
    for round in 0..25 {
        for _ in 0..=round % 4 {
            receipts.push(shop.sell(&store, &[(1, 1), (2, 2)]).order);
        }
        let mut cut = Shop::new();
        // The copier is not atomic while a checkpoint moves pages; hold the writer still, not the transaction.
        let (from, to) = (shop.directory.path().to_owned(), cut.directory.path().to_owned());
        store
            .write("hold still", move |_| {
                for name in fs::read_dir(&from).unwrap() {
                    let path = name.unwrap().path();
                    fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
                }
                Ok::<_, crate::StoreError>(())
            })
            .unwrap();
        let recovered = cut.open();
        for order in &receipts {
            let stored = recovered.order(order.id).unwrap();
            assert_eq!(stored.map(|stored| stored.order).as_ref(), Some(order));
        }
        assert_eq!(recovered.totals().unwrap().orders, receipts.len() as u64);
        assert_eq!(recovered.verify_journal().unwrap().fault, None);
    }
    done.store(true, Ordering::Relaxed);
    loader.join().unwrap();
    store.close();
    let store = shop.open();
    assert_eq!(store.totals().unwrap().orders, receipts.len() as u64);
    assert_eq!(store.check_database().unwrap(), Vec::<String>::new());
}
