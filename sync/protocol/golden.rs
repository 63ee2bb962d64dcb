//! The wire to the letter: every message has a golden file, and `docs/PROTOCOL.md` shows exactly
//! these files.
//!
//! A golden file is checked both ways: the value writes the text, and the text reads as the value.
//! That the examples belong together is the matter of [`truth`].
//! A change here is a change of the contract. `UPDATE_GOLDEN=1 cargo test -p crossroads-sync
//! golden` writes files and document anew.
#![allow(clippy::unwrap_used)]

use super::auth::*;
use super::event::{EventHash, Place, SealedEvent, Stamp, seal};
use super::feed::*;
use super::order::{DeliveryBody, LineBody, OrderPaidBody, OrderPlacedBody, TaxBody, TenderBody};
use super::problem::{Problem, Retry, code};
use super::push::*;
use super::renewal::{RenewalReason, RenewalRequest, RenewalResponse};
use super::snapshot::*;
use super::strays::{StraysRequest, StraysResponse};
use super::{CONTRACT, CONTRACT_OLDEST, Contract};
use crate::digest::{RowDigest, TableDigest};
use crate::memory::sample;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::event::{Event, RenewalReason as Reason};
use domain::hlc::Hlc;
use domain::id::StoreId;
use domain::money::{Currency, Money};
use ed25519_dalek::{Signer, SigningKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use uuid::Uuid;

mod truth;

const NOW_MS: i64 = 1_800_000_000_000;
const TERMINAL: Uuid = Uuid::from_u128(0x0192_f3a0_0000_7000_8000_0000_0000_7e01);
const STORE: Uuid = Uuid::from_u128(0x0192_f3a0_0000_7000_8000_0000_0000_5001);
const CODE: &str = "7KXQ-M2PD";
const NONCE: &str = "q1Zt6p9WcXk";
const SOFTWARE: &str = "crossroads 0.1.0";
/// Private keys of the device's lives 2 and 3: those of tests 1 and 2 of RFC 8032, section 7.1, so
/// that everybody has them and nobody uses them.
const SEEDS: [&str; 2] = [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
];

/// File name -> text.
type Goldens = BTreeMap<&'static str, String>;

fn is_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

fn add<T: Serialize + DeserializeOwned>(goldens: &mut Goldens, name: &'static str, value: &T) {
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string_pretty(&read).unwrap() + "\n", text, "{name} both ways");
    goldens.insert(name, text);
}

/// The device's key in life 2 or 3.
fn key(epoch: u32) -> SigningKey {
    let digits = SEEDS[epoch as usize - 2];
    let byte = |at: usize| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap();
    SigningKey::from_bytes(&std::array::from_fn(byte))
}

/// As it is sent.
fn public_key(epoch: u32) -> String {
    BASE64.encode(key(epoch).verifying_key().as_bytes())
}

/// The first three of life 2.
fn events() -> Vec<SealedEvent> {
    let place =
        |seq| Place { terminal: domain::id::TerminalId::from_uuid(TERMINAL), epoch: 2, seq };
    let (name, software) = ("T03".into(), SOFTWARE.into());
    let store = StoreId::from_uuid(STORE);
    let enrolled = Event::TerminalEnrolled { store, name, software };
    let first = seal(place(1), EventHash::GENESIS, stamp(0), &enrolled);
    let second = seal(place(2), first.hash, stamp(1_000), &sample::event(1));
    let shift = domain::id::ShiftId::from_uuid(Uuid::from_u128(0x5111_0001));
    let cash = Money::new(12_345, "CHF".parse::<Currency>().unwrap());
    let closed = Event::ShiftClosed { shift, order_count: 7, cash };
    let third = seal(place(3), second.hash, stamp(2_000), &closed);
    vec![first, second, third]
}

/// What a terminal sends whose disk has lost the third of them but for its beginning.
fn third_damaged() -> DamagedEvent {
    let events = events();
    DamagedEvent {
        seq: 3,
        hash: events[2].hash.to_string(),
        prev: events[1].hash.to_string(),
        raw: BASE64.encode(&events[2].bytes[..12]),
    }
}

/// The terminal's clock is 1.5 s behind central's.
fn stamp(after_ms: i64) -> Stamp {
    let at_ms = NOW_MS + after_ms;
    let hlc = Some(Hlc::new(at_ms + 1_500, 0));
    Stamp { at_ms, offset_ms: Some(1_500), hlc }
}

fn auth(goldens: &mut Goldens) {
    let server_time_ms = NOW_MS;
    add(
        goldens,
        "enrol_request",
        &EnrolRequest {
            code: CODE.into(),
            public_key: public_key(2),
            software: SOFTWARE.into(),
            known: vec![KnownLife {
                terminal_id: TERMINAL,
                epoch: 1,
                terminal_name: Some("T03".into()),
                store_id: Some(STORE),
            }],
        },
    );
    add(
        goldens,
        "enrol_response",
        &EnrolResponse {
            terminal_id: TERMINAL,
            epoch: 2,
            terminal_name: "T03".into(),
            store_id: STORE,
            store_name: "Old Mill".into(),
            confirmation: confirmation_digits(key(2).verifying_key().as_bytes()),
            server_time_ms,
        },
    );
    add(goldens, "nonce_request", &NonceRequest { terminal_id: TERMINAL });
    add(goldens, "nonce_response", &NonceResponse { nonce: NONCE.into() });
    let signature = BASE64.encode(key(2).sign(&token_message(TERMINAL, NONCE)).to_bytes());
    let terminal_id = TERMINAL;
    let (nonce, epoch) = (NONCE.into(), Some(2));
    add(goldens, "token_request", &TokenRequest { terminal_id, nonce, signature, epoch });
    let token = "eyJ0ZXN0IjoxfQ.Zm9v".into();
    let standing = Standing::Current;
    let response = TokenResponse { token, expires_in_s: 900, standing, server_time_ms };
    add(goldens, "token_response", &response);
    add(
        goldens,
        "contract",
        &Contract {
            current: CONTRACT,
            oldest: CONTRACT_OLDEST,
            software: "crossroads-central 0.1.0".into(),
            server_time_ms,
        },
    );
}

fn push(goldens: &mut Goldens) {
    let events = events();
    let sealed = |event: &SealedEvent| PushItem::Sealed(event.bytes.clone());
    let request =
        PushRequest { epoch: 2, from_seq: 1, events: events[..2].iter().map(sealed).collect() };
    add(goldens, "push_request", &request);
    let damaged = PushItem::Damaged { damaged: third_damaged() };
    let request = PushRequest { epoch: 2, from_seq: 2, events: vec![sealed(&events[1]), damaged] };
    add(goldens, "push_request_damaged", &request);
    let held = PushResult { seq: 2, outcome: Outcome::Duplicate, code: None };
    let code = Some(held_code::DAMAGED_EVENT.into());
    let refused = PushResult { seq: 3, outcome: Outcome::Quarantined, code };
    let (server_time_ms, acked_seq) = (NOW_MS, 3);
    let acked_hash = events[2].hash.to_string();
    let results = vec![held, refused.clone()];
    let response =
        PushResponse { acked_seq, acked_hash: acked_hash.clone(), results, server_time_ms };
    add(goldens, "push_response", &response);
    let (epoch, current_epoch, held_back) = (2, Some(2), vec![refused]);
    let watermark =
        Watermark { epoch, current_epoch, acked_seq, acked_hash, held_back, server_time_ms };
    add(goldens, "watermark", &watermark);
    add(
        goldens,
        "problem",
        &Problem {
            kind: "about:blank".into(),
            title: "events are missing".into(),
            status: 409,
            detail: Some("expected 17".into()),
            code: code::GAP.into(),
            retry: Retry::Later,
        },
    );
    let file = |event: &SealedEvent| event.bytes.clone() + "\n";
    goldens.insert("event_terminal_enrolled", file(&events[0]));
    goldens.insert("event_shift_opened", file(&events[1]));
    goldens.insert("event_shift_closed", file(&events[2]));
    add(goldens, "order_placed_body", &placed());
    let tender = TenderBody {
        id: Uuid::from_u128(0x7e0d),
        kind: "cash".into(),
        given_minor: 2_000,
        change_minor: 675,
    };
    add(
        goldens,
        "order_paid_body",
        &OrderPaidBody {
            order: Uuid::from_u128(0x0de7),
            currency: "CHF".into(),
            due_minor: 1_324,
            rounding_minor: 1,
            tenders: vec![tender],
        },
    );
}

fn lives(goldens: &mut Goldens) {
    let events = events();
    let server_time_ms = NOW_MS;
    let renewed = Event::TerminalRenewed {
        former_epoch: 2,
        reason: Reason::Recovered,
        last_seq: 9,
        last_hash: EventHash::of(b"seq 9 of epoch 2").0,
        missing: vec![(4, 6), (8, 8)],
    };
    let place = Place { epoch: 3, seq: 1, ..events[0].place };
    let first = seal(place, EventHash::GENESIS, stamp(5_000), &renewed);
    goldens.insert("event_terminal_renewed", first.bytes + "\n");
    add(
        goldens,
        "renewal_request",
        &RenewalRequest {
            former_epoch: 2,
            epoch: 3,
            public_key: public_key(3),
            reason: RenewalReason::Recovered,
            software: SOFTWARE.into(),
        },
    );
    add(goldens, "renewal_response", &RenewalResponse { epoch: 3, server_time_ms });
    let sealed = PushItem::Sealed(events[1].bytes.clone());
    let terminal = TERMINAL;
    add(goldens, "strays_request", &StraysRequest { terminal, epoch: 2, events: vec![sealed] });
    add(goldens, "strays_response", &StraysResponse { held: 1, server_time_ms });
}

/// Of the rows of the example of changes, if there are no others.
fn checkpoint() -> Checkpoint {
    let mut sum = TableDigest::default();
    let (table, key, row) = sample::row(Feed::Stock, 1, 12);
    sum.add(RowDigest::of(&table, &key, row.get()));
    Checkpoint { tables: vec![sum.to_wire(&table)] }
}

fn placed() -> OrderPlacedBody {
    let line = LineBody {
        id: Uuid::from_u128(0x11e),
        article: Uuid::from_u128(0xa1),
        gtin: Some("09520000000011".into()),
        name: "Oats 500 g".into(),
        quantity: 2,
        unit: "piece".into(),
        unit_price_minor: 417,
        total_minor: 834,
        tax_group: "reduced".into(),
        price_version: 41,
        fulfilment: "deliver".into(),
    };
    let delivery = DeliveryBody {
        name: "A. Example".into(),
        street: "Mill Lane 2".into(),
        postal_code: "8000".into(),
        city: "Zurich".into(),
        country: "CH".into(),
        phone: "+41790000000".into(),
        note: String::new(),
        slot_start_ms: NOW_MS + 3_600_000,
        slot_end_ms: NOW_MS + 7_200_000,
        fee_minor: 490,
        fee_tax_group: "reduced".into(),
    };
    let (name, rate_ppm) = ("VAT 2.6%".into(), 26_000);
    OrderPlacedBody {
        order: Uuid::from_u128(0x0de7),
        number: "S012-T03-2-000123".into(),
        store: STORE,
        shift: Uuid::from_u128(0x5111_0001),
        staff: Uuid::from_u128(3),
        customer: Some(Uuid::from_u128(7)),
        placed_at_ms: NOW_MS,
        currency: "CHF".into(),
        lines: vec![line],
        delivery: Some(delivery),
        taxes: vec![TaxBody { name, rate_ppm, base_minor: 1_290, amount_minor: 34 }],
        total_minor: 1_324,
    }
}

fn feeds(goldens: &mut Goldens) {
    let server_time_ms = NOW_MS;
    add(
        goldens,
        "changes",
        &ChangesPage {
            changes: vec![sample::put(Feed::Stock, 41, 1, 12), sample::del(Feed::Stock, 42, 2)],
            next: "9f3c.42".into(),
            more: false,
            included: vec![Included { epoch: 3, seq: 2 }, Included { epoch: 2, seq: 17 }],
            checkpoint: Some(checkpoint()),
            server_time_ms,
        },
    );
    let feeds = vec![Feed::Catalogue];
    add(goldens, "snapshot_request", &SnapshotRequest { feeds });
    let chunk = |sha256: &str, bytes, rows| ChunkInfo { sha256: sha256.repeat(32), bytes, rows };
    add(
        goldens,
        "manifest",
        &Manifest {
            feeds: vec![FeedSnapshot {
                feed: Feed::Catalogue,
                cursor: "9f3c.42".into(),
                rows: 7_300,
                chunks: vec![chunk("3a", 401_220, 4_096), chunk("7e", 310_007, 3_204)],
                checkpoint: None,
            }],
            expires_at_ms: NOW_MS + 72 * 3_600_000,
            server_time_ms,
        },
    );
    for (name, feed) in [
        ("row_staff", Feed::Config),
        ("row_article", Feed::Catalogue),
        ("row_stock", Feed::Stock),
        ("row_order_web", Feed::History),
    ] {
        let line = serde_json::to_value(sample::line(feed, 0, 1)).unwrap();
        goldens.insert(name, serde_json::to_string_pretty(&line).unwrap() + "\n");
    }
    add(goldens, "row_store", &store_row());
    add(goldens, "row_customer", &customer_row());
    add(goldens, "row_order", &history_row());
}

/// With an address, as a delivery offers it.
fn customer_row() -> CustomerRow {
    let address = AddressRow {
        name: "A. Example".into(),
        street: "Mill Lane 2".into(),
        postal_code: "8000".into(),
        city: "Zurich".into(),
        country: "CH".into(),
    };
    CustomerRow {
        id: Uuid::from_u128(7),
        name: "A. Example".into(),
        phones: vec!["+41790000000".into()],
        emails: vec!["a@example.org".into()],
        cards: vec!["2952000000000".into()],
        addresses: vec![address],
        since_ms: 1_700_000_000_000,
    }
}

/// What central makes of the order of the example above.
fn history_row() -> HistoryRow {
    let placed = placed();
    let line = |line: LineBody| HistoryLineRow {
        article: Some(line.article),
        name: line.name,
        quantity: line.quantity,
        unit: line.unit,
        total_minor: line.total_minor,
    };
    HistoryRow {
        id: placed.order,
        customer: placed.customer.unwrap(),
        channel: "store".into(),
        place: store_row().name,
        number: placed.number,
        // Its event says that the device's clock was 1.5 s behind.
        at_ms: placed.placed_at_ms + 1_500,
        currency: placed.currency,
        lines: placed.lines.into_iter().map(line).collect(),
        total_minor: placed.total_minor,
    }
}

fn store_row() -> StoreRow {
    let rate = TaxRateRow { name: "VAT 2.6%".into(), rate_ppm: 26_000 };
    StoreRow {
        id: STORE,
        code: "S012".into(),
        name: "Old Mill".into(),
        address: "Mill Lane 1, 8000 Zurich".into(),
        country: "CH".into(),
        currency: "CHF".into(),
        time_zone: "Europe/Zurich".into(),
        prices_include_tax: true,
        smallest_coin_minor: 5,
        notes_minor: vec![1_000, 2_000, 5_000, 10_000],
        tax_groups: vec![TaxGroupRow { key: "reduced".into(), rates: vec![rate] }],
        slots: vec![SlotRow {
            weekday: 1,
            start_minute: 960,
            end_minute: 1_080,
            fee_minor: 490,
            cutoff_minutes: 120,
        }],
        delivery_tax_group: "reduced".into(),
        label_layouts: vec![LabelLayoutRow { pattern: "21IIIIIVPPPPC".into(), decimals: 2 }],
        code_keys: vec!["5a".repeat(32)],
    }
}

fn goldens() -> Goldens {
    let mut goldens = Goldens::new();
    auth(&mut goldens);
    push(&mut goldens);
    lives(&mut goldens);
    feeds(&mut goldens);
    goldens
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/golden")
}

#[test]
fn messages_are_the_golden_ones() {
    let goldens = goldens();
    for (name, text) in &goldens {
        let path = folder().join(format!("{name}.json"));
        if is_update() {
            // In one step: the other tests read these files at the same time.
            let fresh = path.with_extension("new");
            std::fs::write(&fresh, text).unwrap();
            std::fs::rename(&fresh, &path).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(&golden, text, "{name}.json: a change of the contract");
    }
    let is_golden = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    let paths = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(is_golden).count();
    assert_eq!(files, goldens.len(), "every file is checked");
}

/// Files of version 1 are read for ever: what they lack and what they have too much must not
/// matter.
#[test]
fn unknown_fields_are_ignored_and_missing_ones_refused() {
    fn read<T: DeserializeOwned>(name: &str) {
        let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let object = value.as_object_mut().unwrap();
        object.insert("from_the_future".into(), serde_json::json!({ "a": [1, 2] }));
        serde_json::from_value::<T>(value.clone()).unwrap();
        let required = value.as_object().unwrap().keys().next().unwrap().clone();
        value.as_object_mut().unwrap().remove(&required);
        assert!(serde_json::from_value::<T>(value).is_err(), "{name} without {required}");
    }
    read::<EnrolResponse>("enrol_response");
    read::<TokenResponse>("token_response");
    read::<PushResponse>("push_response");
    read::<Watermark>("watermark");
    read::<Manifest>("manifest");
    read::<ChangesPage>("changes");
}

/// Every field of every row and event body of the golden files has its line in a table of the
/// document, in the section of that row or event.
#[test]
fn the_document_names_every_field() {
    fn collect(value: &serde_json::Value, prefix: &str, names: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{prefix}{name}");
                    collect(value, &format!("{path}."), names);
                    names.push(path);
                }
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    let prefix = prefix.strip_suffix('.').unwrap_or(prefix);
                    collect(item, &format!("{prefix}[]."), names);
                }
            }
            _ => {}
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let goldens = goldens();
    for (section, golden, pointer) in [
        ("Table `store`", "row_store", ""),
        ("Table `staff`", "row_staff", "/row"),
        ("Table `article`", "row_article", "/row"),
        ("Table `stock`", "row_stock", "/row"),
        ("Table `customer`", "row_customer", ""),
        ("Table `order`", "row_order", ""),
        ("Table `order`", "row_order_web", "/row"),
        ("`order.placed`", "order_placed_body", ""),
        ("`order.paid`", "order_paid_body", ""),
        ("`shift.opened`", "event_shift_opened", "/body"),
        ("`shift.closed`", "event_shift_closed", "/body"),
        ("`terminal.enrolled`", "event_terminal_enrolled", "/body"),
        ("`terminal.renewed`", "event_terminal_renewed", "/body"),
    ] {
        let heading = format!("\n#### {section}\n");
        let (_, rest) = document.split_once(&heading).unwrap_or_else(|| panic!("no {section}"));
        let text = rest.split("\n#").next().unwrap();
        let value: serde_json::Value = serde_json::from_str(&goldens[golden]).unwrap();
        let mut names = Vec::new();
        collect(value.pointer(pointer).unwrap(), "", &mut names);
        assert!(!names.is_empty());
        for name in names {
            let is_told = text.lines().any(|line| {
                let first = line.split('|').nth(1).unwrap_or_default();
                first.split(',').any(|told| told.trim() == format!("`{name}`"))
            });
            assert!(is_told, "{section} does not tell of `{name}`");
        }
    }
}

/// `docs/PROTOCOL.md` shows each golden file after a line `<!-- golden: name -->`.
#[test]
fn the_document_shows_the_golden_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let goldens = goldens();
    let mut pieces = document.split("<!-- golden: ");
    let mut written = pieces.next().unwrap().to_owned();
    let mut shown = Vec::new();
    for piece in pieces {
        let (name, rest) = piece.split_once(" -->\n").unwrap();
        let text = goldens.get(name).unwrap_or_else(|| panic!("no golden {name}"));
        let rest = match rest.strip_prefix("```json\n") {
            Some(block) => block.split_once("```\n").unwrap().1,
            None => rest,
        };
        written += &format!("<!-- golden: {name} -->\n```json\n{text}```\n{rest}");
        shown.push(name.to_owned());
    }
    if is_update() {
        std::fs::write(&path, &written).unwrap();
    } else {
        assert!(document == written, "docs/PROTOCOL.md differs from the golden files");
    }
    shown.sort_unstable();
    assert_eq!(shown, goldens.keys().copied().collect::<Vec<_>>(), "each is shown once");
}
