//! What goes over the wire: events and messages. What is read and written again must stay the same.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sync::digest::TableDigest;
use sync::protocol::event::{Envelope, EventHash, seal};
use sync::protocol::{Contract, auth, feed, order, problem, push, renewal, snapshot, strays};

/// Words of the protocol.
pub const WORDS: &[&str] = &[
    "\"terminal\":",
    "\"epoch\":",
    "\"seq\":",
    "\"prev\":",
    "\"at_ms\":",
    "\"offset_ms\":",
    "\"hlc\":\"0000000000010002\",",
    "\"type\":\"order.placed\",",
    "\"type\":\"order.paid\",",
    "\"type\":\"shift.closed\",",
    "\"v\":1,",
    "\"body\":",
    "null",
    "[]",
    "{}",
    "\"\"",
    "\"CHF\"",
    "\"JPY\"",
    "\"op\":\"del\"",
    "\"more\":false",
    "\"damaged\":",
    "\\u0000",
    "\\ud800",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// An event's bytes: whatever reads as one is sealed to bytes that read as the same one.
pub fn event(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(envelope) = Envelope::parse(text) else { return };
    let (place, stamp) = (envelope.place(), envelope.stamp());
    let _ = stamp.physical_ms();
    let prev = envelope.prev_hash().unwrap_or(EventHash::GENESIS);
    let Ok(event) = envelope.event() else { return };
    assert_eq!(event.name(), envelope.kind);
    let _ = event.aggregate();
    let sealed = seal(place, prev, stamp, &event);
    assert_eq!(sealed.hash, EventHash::of(sealed.bytes.as_bytes()));
    let again = Envelope::parse(&sealed.bytes).expect("what is sealed is an envelope");
    assert_eq!((again.place(), again.stamp()), (place, stamp));
    assert_eq!(again.prev_hash().ok(), Some(prev));
    let same = again.event().expect("what is sealed is an event");
    assert_eq!(same, event);
    assert_eq!(seal(place, prev, stamp, &same).bytes, sealed.bytes);
}

/// Reads, writes, reads and writes: the two texts are the same.
fn again<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return };
    let first = serde_json::to_string(&read).expect("a message can be written");
    let same: T = serde_json::from_str(&first).expect("what is written can be read");
    assert_eq!(serde_json::to_string(&same).expect("a message can be written"), first);
}

fn page(bytes: &[u8]) {
    again::<feed::ChangesPage>(bytes);
    let Ok(page) = serde_json::from_slice::<feed::ChangesPage>(bytes) else { return };
    let tables = page.checkpoint.iter().flat_map(|checkpoint| &checkpoint.tables);
    for sum in tables {
        if let Some(digest) = TableDigest::from_wire(sum) {
            assert_eq!(digest.to_wire(&sum.table), *sum, "a digest has one text");
        }
    }
}

fn placed(bytes: &[u8]) {
    let Ok(body) = serde_json::from_slice::<order::OrderPlacedBody>(bytes) else { return };
    let Ok(order) = body.into_domain() else { return };
    let written = order::OrderPlacedBody::from_domain(&order);
    assert_eq!(written.into_domain().expect("an order that was read can be written"), order);
    let taken = domain::merge::stock::taken_by(&order);
    assert!(taken.len() <= order.lines.len());
}

fn paid(bytes: &[u8]) {
    again::<order::OrderPaidBody>(bytes);
    if let Ok(body) = serde_json::from_slice::<order::OrderPaidBody>(bytes) {
        let _ = body.into_domain();
    }
}

const MESSAGES: &[fn(&[u8])] = &[
    again::<push::PushRequest>,
    again::<push::PushResponse>,
    again::<push::Watermark>,
    page,
    again::<snapshot::Manifest>,
    again::<snapshot::SnapshotLine>,
    again::<snapshot::SnapshotRequest>,
    again::<problem::Problem>,
    again::<auth::EnrolRequest>,
    again::<auth::EnrolResponse>,
    again::<auth::NonceResponse>,
    again::<auth::TokenRequest>,
    again::<auth::TokenResponse>,
    again::<renewal::RenewalRequest>,
    again::<strays::StraysRequest>,
    again::<Contract>,
    again::<feed::StoreRow>,
    again::<feed::StaffRow>,
    again::<feed::ArticleRow>,
    again::<feed::StockRow>,
    again::<feed::CustomerRow>,
    again::<feed::HistoryRow>,
    placed,
    paid,
];

/// A message: JSON as each type that could be meant. All of them, since the same bytes may be read as any.
pub fn message(bytes: &[u8]) {
    MESSAGES.iter().for_each(|read| read(bytes));
}
