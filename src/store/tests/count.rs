//! The counted list: what is written is there at the next start; `card/scene.rs` has it among the transactions whose
//! power is cut.

use super::*;
use crate::connection::{Purpose, connect};
use crate::count::CountHead;
use domain::count::{CountChange, CountList, Counted};
use domain::quantity::{Quantity, Unit};

pub(super) fn count_head() -> CountHead {
    CountHead { begun_at: AT, staff: StaffId::from_uuid(Uuid::from_u128(7)), name: "Anna".into() }
}

fn pack(number: u32, quantity: Quantity) -> Counted {
    let article = domain::id::ArticleId::from_uuid(article_row(number, "", 1).id);
    let (name, stock_unit) = (format!("Article {number}"), quantity.unit);
    Counted { article, name, gtin: Some(gtin(number)), quantity, stock_unit }
}

/// What counting one piece of each of these articles changes on an empty list.
pub(super) fn counted(numbers: &[u32]) -> Vec<CountChange> {
    let packs: Vec<_> = numbers.iter().map(|number| pack(*number, Quantity::pieces(1))).collect();
    CountList::default().plan_add(&packs, &mut Counter(9_000)).unwrap()
}

#[test]
fn every_change_is_there_after_a_restart() {
    let mut shop = Shop::new();
    let (mut list, mut ids) = (CountList::default(), Counter(9_000));
    let step = |shop: &mut Shop, list: &mut CountList, changes: Vec<CountChange>| {
        let store = shop.open();
        store.save_count(&count_head(), &changes).unwrap();
        list.apply(changes);
        store.close();
        let store = shop.open();
        let kept = store.count().unwrap().unwrap();
        assert_eq!(kept.head, count_head());
        assert_eq!(kept.lines, list.newest_first().rev().cloned().collect::<Vec<_>>());
        store.close();
    };
    for (number, quantity) in [
        (1, Quantity::pieces(1)),
        (2, Quantity::new(356, Unit::Gram)),
        (2, Quantity::new(200, Unit::Gram)),
        (1, Quantity::pieces(6)),
        (2, Quantity::pieces(1)),
    ] {
        let changes = list.plan_add(&[pack(number, quantity)], &mut ids).unwrap();
        step(&mut shop, &mut list, changes);
    }
    let oldest = list.newest_first().last().unwrap().id;
    let changes = list.plan_set(oldest, 0).unwrap();
    step(&mut shop, &mut list, changes);
    let changes = list.plan_remove(oldest).unwrap();
    step(&mut shop, &mut list, changes);
    let changes = list.plan_undo();
    step(&mut shop, &mut list, changes);
}

#[test]
fn a_list_is_whose_it_was_begun_by() {
    let mut shop = Shop::new();
    let store = shop.open();
    assert_eq!(store.count().unwrap(), None);
    store.save_count(&count_head(), &counted(&[1])).unwrap();
    let other = CountHead { name: "Ben".into(), ..count_head() };
    store.save_count(&other, &counted(&[2])).unwrap();
    assert_eq!(store.count().unwrap().unwrap().head, count_head());
    store.clear_count().unwrap();
    assert_eq!(store.count().unwrap(), None);
    store.save_count(&other, &counted(&[2])).unwrap();
    assert_eq!(store.count().unwrap().unwrap().head, other, "the next list is another's");
}

#[test]
fn a_row_that_cannot_be_read_stops_nothing() {
    let mut shop = Shop::new();
    let store = shop.open();
    store.save_count(&count_head(), &counted(&[1, 2, 3])).unwrap();
    store.close();
    let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Write).unwrap();
    connection
        .execute_batch(
            "UPDATE stock_count_line SET unit = 'furlong' WHERE name = 'Article 1'; \
             UPDATE stock_count_line SET article = x'00' WHERE name = 'Article 2';",
        )
        .unwrap();
    drop(connection);
    let store = shop.open();
    let lines = store.count().unwrap().unwrap().lines;
    assert_eq!(lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["Article 3"]);
}

#[test]
fn stock_of_many_articles_is_that_of_each() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Article 1"), (2, "Article 2")]);
    let stock = sync::protocol::feed::StockRow { article: article_row(1, "", 1).id, on_hand: 9 };
    load(&store, Feed::Stock, "s1", &[("stock", serde_json::to_string(&stock).unwrap())]);
    store.apply_page(Feed::Stock, "s1", &page(vec![], "s2"), AT).unwrap();
    shop.sell(&store, &[(1, 2)]);
    let articles = [1, 2].map(|number| pack(number, Quantity::pieces(1)).article);
    let known = store.stock_of(&articles).unwrap();
    assert_eq!(known.get(&articles[0]).copied(), store.stock(articles[0]).unwrap());
    assert_eq!((known[&articles[0]], known.len()), (7, 1));
}
