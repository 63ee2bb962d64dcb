//! A sync that fails: the system goes on showing what it will never write. What a person has seen must not depend on
//! such bytes.

use super::card::Till;
use super::*;
use fault::{Damage, Failure, Fault, Kind, Kinds, Lasts};

/// The commit's sync fails, the sale is refused, and the program ends without being able to copy the log back. At the
/// next start SQLite finds a whole commit in the log; then the power goes.
#[test]
fn what_the_next_start_shows_survives_a_power_cut() {
    let mut till = Till::new();
    till.open().unwrap();
    let store = till.store().clone();
    store.enrol(&identity(0), "crossroads 0.1.0", AT).unwrap();
    load(&store, Feed::Config, "c1", &[("store", store_row()), ("staff", staff_row(1))]);
    load_articles(&store, &[(1, "Milch")]);
    let shift = store.open_shift(staff(1), AT).unwrap().id;
    let basket = till.shop.basket(&[(1, 3)], None);
    let order = till.shop.new_order(basket, shift, AT);
    let before = store.verify_journal().unwrap().events;

    let sync = Kinds::of(&[Kind::Sync]);
    till.disk.inject(Fault::new(Failure::Io, 1, Lasts::Once).on(sync));
    store.commit_order(order).unwrap_err();
    assert_eq!(till.disk.heal(), 1, "the commit failed in its sync");
    till.disk.inject(Fault::new(Failure::Io, 1, Lasts::UntilHealed).on(Kinds::CUTS));
    drop(store);
    till.close();
    till.disk.heal();

    till.open().unwrap();
    let shown = till.store().verify_journal().unwrap().events;
    assert!(shown > before, "else there is nothing to be afraid of");
    let image = till.disk.snapshot().crash(&Damage::Everything);
    till.wake_on(&image);
    till.open().unwrap();
    assert_eq!(till.store().verify_journal().unwrap().events, shown);
}

/// One line, one case: what the check of pages says, whether the disk is to blame.
#[test]
fn a_disk_that_does_not_answer_is_no_damage() {
    for (answer, expected) in [
        ("ok", false),
        ("*** in database main ***\nTree 50 page 50: unable to get the page. error code=266", true),
        ("Tree 50 page 50: unable to get the page. error code=10", true),
        ("Tree 50 page 50: unable to get the page. error code=11", false),
        ("Tree 50 page 50: btreeInitPage() returns error code 11", false),
        ("row 3 missing from index article_by_gtin", false),
    ] {
        assert_eq!(crate::open::is_read_error(answer), expected, "{answer}");
    }
}
