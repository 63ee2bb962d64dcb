//! Baskets put aside and their codes: on paper, on the screen, and back.

use super::scanned::{KEY, shop};
use super::*;
use crate::app::qr;
use domain::code::{CodeKey, OwnCode, OwnKind, Proof};
use domain::id::BasketId;
use sync::seal::HmacSeal;

fn slips(shop: &Shop) -> Vec<SlipJob> {
    shop.paper.1.lock().unwrap().clone()
}

/// Puts one Gruyère and two milks aside.
fn park(shop: &mut Shop) -> Screen {
    for number in [2, 1, 1] {
        shop.scan(number);
    }
    shop.tap(Intent::Park)
}

fn scan_text(shop: &mut Shop, text: &str) -> Screen {
    shop.tap(Intent::Scanned(Code::new(Symbology::QrCode, text)))
}

#[test]
fn a_basket_put_aside_is_taken_along_and_scanned() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    let parked = park(&mut shop).sell.parked;
    assert_eq!(shop.said(), "basket-parked");
    let code = parked[0].code.clone();
    let own = OwnCode::parse(&code).unwrap();
    assert_eq!((own.kind, own.proof(&[CodeKey(KEY)], &HmacSeal)), (OwnKind::Basket, Proof::Right));
    assert_eq!(BasketId::from_uuid(own.subject.parse().unwrap()).to_string(), parked[0].id);
    assert!(!qr::rows(&code).is_empty(), "it fits a QR code");
    let slip = slips(&shop).pop().unwrap();
    assert_eq!((slip.row.code.as_str(), slip.row.line_count), (code.as_str(), 2));
    assert_eq!([slip.store.as_str(), slip.terminal.as_str()], ["Bern", "T01"]);
    assert_eq!(plain(&slip.row.total), "CHF 30.76");
    assert_eq!(plain(&slip.time), NOON_SAID);
    // What is on the paper is all that a person needs.
    let screen = scan_text(&mut shop, &code);
    assert_eq!((shop.said().as_str(), screen.sell.lines.len()), ("basket-resumed", 2));
    assert!(screen.sell.parked.is_empty());
    assert_eq!(slips(&shop).len(), 1, "taking up prints nothing");
}

#[test]
fn a_slip_names_no_customer() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    shop.tap(Intent::Scanned(Code::new(Symbology::Ean13, "2952000000000")));
    assert_eq!(shop.screen().sell.customer, "Marie Blanc");
    park(&mut shop);
    let slip = format!("{:?}", slips(&shop));
    assert!(!slip.contains("Marie") && !slip.contains("Blanc"), "{slip}");
}

#[test]
fn without_a_key_there_is_no_code_and_parking_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    let screen = park(&mut shop);
    assert_eq!((shop.said().as_str(), screen.sell.parked[0].code.as_str()), ("basket-parked", ""));
    assert!(slips(&shop).is_empty());
    let id = screen.sell.parked[0].id.parse().unwrap();
    assert_eq!(shop.tap(Intent::Resume(id)).sell.lines.len(), 2);
}

#[test]
fn a_key_that_comes_later_seals_what_waits() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    park(&mut shop);
    shop.terminal.config.as_mut().unwrap().code_keys = vec![CodeKey(KEY)];
    let code = shop.screen().sell.parked[0].code.clone();
    assert!(code.starts_with("XR2:K:"), "{code}");
    scan_text(&mut shop, &code);
    assert_eq!(shop.said(), "basket-resumed");
}

#[test]
fn a_printer_that_fails_is_said_and_the_basket_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    park(&mut shop);
    let basket = slips(&shop)[0].basket;
    let failed = || Input::SlipPrinted(basket, Err("printer-failed".into()));
    shop.terminal.handle(failed());
    let screen = shop.screen();
    assert_eq!((shop.said().as_str(), screen.sell.parked.len()), ("slip-failed", 1));
    assert!(matches!(screen.message.unwrap().severity, Severity::Warning));
    shop.tap(Intent::Resume(basket));
    shop.tap(Intent::DismissMessage);
    shop.terminal.handle(failed());
    assert_eq!(shop.said(), "", "a basket that is taken up again needs no slip");
}

#[test]
fn a_basket_survives_a_restart_with_its_code() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = shop(directory.path());
    first.pin("1234");
    let code = park(&mut first).sell.parked[0].code.clone();
    drop(first);
    let mut again = Shop::start(directory.path(), 1 << 70);
    again.terminal.handle(Input::Tick);
    again.terminal.config.as_mut().unwrap().code_keys = vec![CodeKey(KEY)];
    again.pin("1234");
    assert_eq!(scan_text(&mut again, &code).sell.lines.len(), 2);
}
