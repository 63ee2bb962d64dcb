//! Counting goods: what each kind of code does, what can be taken back, what is compared, who may.

use super::scanned::{KEY, body, shop};
use super::*;
use crate::app::count::PAGE_LINES;
use crate::app::count_picture::{PackState, SeenCode, SeenPicture};
use crate::app::intent::CountAsk;
use crate::app::screen::{CountScreen, StockState};
use domain::code::{CodeKey, OwnCode, OwnKind};
use domain::id::LineId;
use sync::seal::HmacSeal;

/// A shop where somebody counts.
fn counting(directory: &Path) -> Shop {
    let mut shop = shop(directory);
    shop.pin("1234");
    shop.tap(Intent::Open(View::Count));
    assert_eq!(shop.screen().view, View::Count);
    shop
}

fn ask(shop: &mut Shop, ask: CountAsk) -> CountScreen {
    shop.tap(Intent::Count(ask)).count
}

fn scan_as(shop: &mut Shop, symbology: Symbology, text: &str) -> Screen {
    shop.tap(Intent::Scanned(Code::new(symbology, text)))
}

/// Name and quantity of each line, as shown.
fn lines(shop: &Shop) -> Vec<(String, String)> {
    let of = |row: &crate::app::screen::CountRow| (row.name.clone(), plain(&row.quantity));
    shop.screen().count.lines.iter().map(of).collect()
}

fn line(shop: &Shop, at: usize) -> LineId {
    shop.screen().count.lines[at].id.parse().unwrap()
}

fn row(name: &str, quantity: &str) -> (String, String) {
    (name.to_owned(), quantity.to_owned())
}

/// Reading guide: symbology, text, name and quantity of the line, what is said.
#[test]
fn goods_are_counted_with_their_weight_and_number() {
    use Symbology::*;
    let (milk, cheese) = (gtin(1), gtin(2));
    for (symbology, text, counted, said) in [
        (Ean13, milk.clone(), row("Milk", "1"), ""),
        (Ean13, gtin(3), row("Mystery", "1"), ""),
        (Typed, milk.clone(), row("Milk", "1"), ""),
        (Ean13, body("210004292875"), row("Appenzeller", "1"), ""),
        (Gs1DataMatrix, format!("010{cheese}3103000356"), row("Gruyère", "0.356 kg"), ""),
        (Gs1DataMatrix, format!("010{milk}306"), row("Milk", "6"), ""),
        (Gs1DataMatrix, format!("010{milk}15261120"), row("Milk", "1"), "count-best-before"),
        (QrCode, format!("https://x.example/01/0{milk}/10/A"), row("Milk", "1"), ""),
        (Itf14, body("1952000000107"), row("Water", "1"), ""),
        (Itf14, body("1952000000108"), row("Juice", "6"), "case-added"),
        (Ean13, "977204936300206".into(), row("The Grocer", "1"), ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut shop = counting(directory.path());
        let screen = scan_as(&mut shop, symbology, &text);
        assert_eq!((lines(&shop), shop.said()), (vec![counted], said.to_owned()), "{text}");
        assert_eq!(screen.sell.outcome, ScanOutcome::Added, "{text}");
        assert!(screen.sell.lines.is_empty(), "{text}: the basket is not touched");
    }
}

/// Reading guide: symbology, text, what is said, with which words.
#[test]
fn what_is_no_goods_is_said_and_leaves_neither_list_nor_view() {
    use Symbology::*;
    let own = |kind, subject: &str| OwnCode::text(kind, subject, &CodeKey(KEY), &HmacSeal).unwrap();
    let milk = gtin(1);
    let wrong = format!("{}{}", &milk[..12], (milk[12..].parse::<u32>().unwrap() + 1) % 10);
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    scan_as(&mut shop, Ean13, &milk);
    for (symbology, text, said, arguments) in [
        (Ean13, gtin(77), "count-unknown", vec![gtin(77)]),
        (Typed, wrong.clone(), "digit-wrong", vec![wrong]),
        (QrCode, "\u{200b}".into(), "count-code-empty", vec![]),
        (Itf14, body("1952000000106"), "count-case", vec!["Tea".into()]),
        (Gs1DataMatrix, format!("010{milk}17261120"), "count-expired", vec!["20 Nov 2026".into()]),
        (
            Gs1DataMatrix,
            format!("010{milk}17261399"),
            "count-label-faulty",
            vec!["17".into(), "".into()],
        ),
        (UpcA, body("51234567850"), "count-not-goods", vec!["coupon".into()]),
        (Ean13, body("980123456789"), "count-not-goods", vec!["receipt".into()]),
        (Gs1DataMatrix, format!("010{}306", gtin(2)), "count-label", vec![]),
        (Ean13, body("210004200000"), "count-label", vec![]),
        (Ean13, body("270004212345"), "count-label", vec![]),
        (Itf14, body("1952000000001"), "count-unknown", vec![]),
        (Code128, "12345".into(), "count-unknown", vec!["12345".into()]),
        (QrCode, "XR1:E:https://c.example|K7".into(), "count-not-goods", vec!["enrolment".into()]),
        (Ean13, "2952000000000".into(), "count-not-goods", vec!["card".into()]),
        (
            Gs1128,
            format!("00{}", body("19521234567890123")),
            "count-not-goods",
            vec!["logistic".into()],
        ),
        (
            QrCode,
            own(OwnKind::Receipt, "S001-T01-0-000001"),
            "count-not-goods",
            vec!["receipt".into()],
        ),
        (QrCode, own(OwnKind::Basket, &"0".repeat(32)), "count-not-goods", vec!["basket".into()]),
        (QrCode, own(OwnKind::Badge, "102"), "count-not-goods", vec!["badge".into()]),
        (QrCode, "284712345678901234".into(), "count-not-goods", vec!["payment".into()]),
        (QrCode, "https://advert.example/".into(), "count-unknown", vec![]),
        (QrCode, "XR9:R:1:ABC".into(), "count-not-goods", vec!["own".into()]),
    ] {
        shop.tap(Intent::DismissMessage);
        let before = shop.screen();
        let screen = scan_as(&mut shop, symbology, &text);
        let message = screen.message.clone().unwrap_or_else(|| panic!("{text}: nothing is said"));
        if !said.is_empty() {
            assert_eq!(message.code, said, "{text}");
        }
        assert!(message.code.starts_with("count-") || message.code == "digit-wrong", "{message:?}");
        for (at, argument) in arguments.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
            assert_eq!(plain(&message.arguments[at]), *argument, "{text}");
        }
        assert_eq!(screen.view, View::Count, "{text}");
        assert_eq!(screen.count.lines, before.count.lines, "{text}");
        assert_ne!(screen.sell.outcome_serial, before.sell.outcome_serial, "{text} is heard");
        let heard = screen.sell.outcome;
        assert!(matches!(heard, ScanOutcome::Unknown | ScanOutcome::Refused), "{text}: {heard:?}");
        assert_eq!((screen.sell.lines.len(), screen.sell.customer.as_str()), (0, ""), "{text}");
    }
}

#[test]
fn a_line_says_the_number_of_its_article() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    for (text, number) in [
        (body("1952000000108"), body("952000000108")),
        (body("210004292875"), body("210004200000")),
        (gtin(1), gtin(1)),
    ] {
        let screen = scan_as(&mut shop, Symbology::Unspecified, &text);
        assert_eq!(screen.count.lines[0].code, number, "{text}");
    }
}

#[test]
fn a_second_symbol_counts_nothing_and_tells_that_a_pack_is_over_its_date() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    shop.scan(1);
    let second = |date: &str| {
        let text = format!("010{}17{date}", gtin(1));
        Intent::ScannedSamePack(Code::new(Symbology::Gs1DataMatrix, text.as_str()))
    };
    shop.tap(second("261130"));
    assert_eq!(shop.said(), "");
    let screen = shop.tap(second("261120"));
    assert_eq!(shop.said(), "count-expired-same-pack");
    assert_eq!(screen.sell.outcome, ScanOutcome::TakeOut);
    assert_eq!(lines(&shop), [row("Milk", "1")]);
}

#[test]
fn steps_are_taken_back_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    for number in [1, 2, 1] {
        shop.scan(number);
    }
    let milk = line(&shop, 0);
    ask(&mut shop, CountAsk::Step(milk, 1));
    ask(&mut shop, CountAsk::Set(milk, 0));
    assert_eq!(lines(&shop), [row("Milk", "0"), row("Gruyère", "1 kg")]);
    ask(&mut shop, CountAsk::Step(milk, -1));
    assert_eq!(shop.said(), "quantity-invalid", "less than nothing is not counted");
    ask(&mut shop, CountAsk::Remove(milk));
    assert_eq!((shop.said().as_str(), lines(&shop).len()), ("count-line-removed", 1));
    for expected in [
        vec![row("Milk", "0"), row("Gruyère", "1 kg")],
        vec![row("Milk", "3"), row("Gruyère", "1 kg")],
        vec![row("Milk", "2"), row("Gruyère", "1 kg")],
        vec![row("Gruyère", "1 kg"), row("Milk", "1")],
        vec![row("Milk", "1")],
        vec![],
    ] {
        assert!(ask(&mut shop, CountAsk::Undo).lines.len() == expected.len());
        assert_eq!(lines(&shop), expected);
    }
    assert!(!shop.screen().count.can_undo);
    for _ in 0..25 {
        shop.scan(1);
    }
    for left in (5..25).rev() {
        ask(&mut shop, CountAsk::Undo);
        assert_eq!(lines(&shop), [row("Milk", &left.to_string())]);
    }
}

/// Lays the stock of articles into the store, as the sync does.
fn stock(shop: &Shop, known: &[(u128, i64)]) {
    let row = |(number, on_hand): &(u128, i64)| {
        let article = Uuid::from_u128(100 + number);
        ("stock", article, json!({"article": article, "on_hand": on_hand}))
    };
    let rows: Vec<_> = known.iter().map(row).collect();
    load_rows(shop.terminal.store(), Feed::Stock, &rows);
    let page = sync::protocol::feed::ChangesPage {
        changes: vec![],
        next: "d".into(),
        more: false,
        included: vec![],
        checkpoint: None,
        server_time_ms: 0,
    };
    shop.terminal.store().apply_page(Feed::Stock, "c", &page, DeviceTime(NOON)).unwrap();
}

#[test]
fn comparing_shows_stock_and_puts_differences_first() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    stock(&shop, &[(1, 5), (2, 356), (4, 9_000), (6, 1)]);
    let label = format!("010{}3103000356", gtin(2));
    scan_as(&mut shop, Symbology::Gs1DataMatrix, &label);
    shop.scan(1);
    scan_as(&mut shop, Symbology::Ean13, &body("210004292875"));
    scan_as(&mut shop, Symbology::Ean13, "9772049363002");
    scan_as(&mut shop, Symbology::Ean13, &body("952000000106"));
    scan_as(&mut shop, Symbology::Ean13, &body("952000000106"));
    let blind = shop.screen().count;
    assert!(blind.lines.iter().all(|row| row.stock.is_empty() && row.difference.is_empty()));
    let compared = ask(&mut shop, CountAsk::Compare(true));
    let told: Vec<_> = compared
        .lines
        .iter()
        .map(|row| (row.name.as_str(), row.state, plain(&row.stock), plain(&row.difference)))
        .collect();
    let told: Vec<_> = told.iter().map(|it| (it.0, it.1, it.2.as_str(), it.3.as_str())).collect();
    assert_eq!(
        told,
        [
            ("Tea", StockState::Differs, "1", "+1"),
            ("Milk", StockState::Differs, "5", "-4"),
            ("The Grocer", StockState::Unknown, "", ""),
            ("Appenzeller", StockState::OtherUnit, "9 kg", ""),
            ("Gruyère", StockState::Equal, "0.356 kg", "0 kg"),
        ]
    );
    assert_eq!((compared.differs, compared.unknown), (2, 2));
    // A hand scanner goes on counting, and the comparison with it.
    for _ in 0..4 {
        shop.scan(1);
    }
    let compared = shop.screen().count;
    assert_eq!((compared.differs, compared.lines[4].name.as_str()), (1, "Gruyère"));
    assert!(!ask(&mut shop, CountAsk::Compare(false)).is_comparing);
    assert_eq!(lines(&shop)[0], row("Milk", "5"));
}

#[test]
fn neither_customers_nor_strangers_count() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    assert_eq!(shop.tap(Intent::Open(View::Count)).view, View::SignIn);
    for (pin, role) in [("1234", Role::Cashier), ("2345", Role::Associate)] {
        if role == Role::Associate {
            shop.tap(Intent::SignOut);
            let staff = Some("102".to_owned());
            shop.tap(Intent::SignIn { staff, pin: pin.into() });
        } else {
            shop.pin(pin);
        }
        assert_eq!(shop.tap(Intent::Open(View::Count)).view, View::Count, "{role:?}");
        shop.scan(1);
        shop.tap(Intent::Back);
    }
    shop.tap(Intent::SetRole(Role::Customer));
    let screen = shop.tap(Intent::Open(View::Count));
    assert_eq!((screen.view, shop.said().as_str()), (View::Sell, "not-allowed-in-role"));
    assert_eq!(screen.count, CountScreen::default());
    for forbidden in [CountAsk::Empty, CountAsk::Print, CountAsk::Undo] {
        ask(&mut shop, forbidden);
        assert_eq!(shop.said(), "not-allowed-in-role");
    }
    assert_eq!(shop.terminal.store().count().unwrap().unwrap().lines[0].quantity.amount, 2);
}

#[test]
fn a_list_survives_sign_out_and_a_restart_and_the_next_person_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = counting(directory.path());
    first.scan(1);
    first.scan(1);
    assert!(!first.screen().count.is_of_other);
    first.tap(Intent::SignOut);
    drop(first);
    let mut again = Shop::start(directory.path(), 1 << 70);
    again.terminal.handle(Input::Tick);
    again.tap(Intent::SignIn { staff: Some("102".to_owned()), pin: "2345".into() });
    let screen = again.tap(Intent::Open(View::Count));
    let message = screen.message.unwrap();
    assert_eq!(message.code, "count-of-other");
    let arguments: Vec<_> = message.arguments.iter().map(|text| plain(text)).collect();
    assert_eq!(arguments, ["Staff 101", NOON_SAID]);
    assert!(screen.count.is_of_other && !screen.count.can_undo);
    assert_eq!(lines(&again), [row("Milk", "2")]);
    again.scan(1);
    assert_eq!(lines(&again), [row("Milk", "3")]);
    assert_eq!(again.screen().count.begun_by, "Staff 101");
    let emptied = ask(&mut again, CountAsk::Empty);
    assert_eq!((emptied.article_count, emptied.begun_by.as_str()), (0, ""));
    again.scan(1);
    assert_eq!(again.screen().count.begun_by, "Staff 102");
}

#[test]
fn a_list_is_printed_and_a_printer_that_fails_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    ask(&mut shop, CountAsk::Print);
    assert_eq!(shop.said(), "count-nothing-to-print");
    stock(&shop, &[(1, 5)]);
    shop.scan(2);
    shop.scan(1);
    ask(&mut shop, CountAsk::Compare(true));
    assert!(ask(&mut shop, CountAsk::Print).is_printing);
    ask(&mut shop, CountAsk::Print);
    let jobs = shop.paper.2.lock().unwrap().clone();
    assert_eq!(jobs.len(), 1, "one press, one list");
    let job = &jobs[0];
    assert_eq!([job.store.as_str(), job.terminal.as_str()], ["Bern", "T01"]);
    assert_eq!((job.begun_by.as_str(), job.printed_by.as_str()), ("Staff 101", "Staff 101"));
    assert_eq!((plain(&job.printed_at).as_str(), job.is_compared), (NOON_SAID, true));
    let first = &job.lines[0];
    assert_eq!((first.name.as_str(), first.code.as_str()), ("Milk", gtin(1).as_str()));
    assert_eq!((first.stock.as_str(), first.difference.as_str()), ("5", "-4"));
    shop.terminal.handle(Input::CountPrinted(Err("printer-failed".into())));
    let screen = shop.screen();
    assert_eq!((shop.said().as_str(), screen.count.is_printing), ("count-print-failed", false));
    assert_eq!(screen.count.article_count, 2);
    ask(&mut shop, CountAsk::Print);
    shop.terminal.handle(Input::CountPrinted(Ok(())));
    assert_eq!(shop.said(), "count-printed");
}

/// A pack of a picture, in a row from left to right.
fn seen(at: usize, symbology: Symbology, text: &str) -> SeenCode {
    let (left, right) = (at as f32 * 0.1, at as f32 * 0.1 + 0.08);
    let corners = [(left, 0.1), (right, 0.1), (right, 0.2), (left, 0.2)];
    SeenCode { code: Code::new(symbology, text), corners: Some(corners) }
}

/// Presses the shutter, and has the camera see these.
fn photograph(shop: &mut Shop, packs: Vec<SeenCode>, others: Vec<SeenCode>) -> CountScreen {
    shop.terminal.handle(Input::Camera("camera".into()));
    assert!(ask(shop, CountAsk::TakePicture).is_looking);
    shop.terminal.handle(Input::Picture(SeenPicture { packs, others }));
    shop.screen().count
}

#[test]
fn a_picture_counts_every_pack_as_one_step_and_frames_each() {
    use Symbology::{Ean13, Gs1DataMatrix};
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    shop.scan(1);
    let expired = format!("010{}17261120", gtin(3));
    let packs = vec![
        seen(0, Ean13, &gtin(1)),
        seen(1, Ean13, &gtin(1)),
        seen(2, Ean13, &gtin(77)),
        seen(3, Ean13, &gtin(3)),
        seen(4, Gs1DataMatrix, &expired),
        seen(5, Symbology::Itf14, &body("1952000000106")),
    ];
    let screen = photograph(&mut shop, packs, vec![]);
    let picture = screen.picture.unwrap();
    let states: Vec<_> = picture.marks.iter().map(|mark| mark.state).collect();
    use PackState::{Counted, Expired, Other, Unknown};
    assert_eq!(states, [Counted, Counted, Unknown, Counted, Expired, Other]);
    assert_eq!((picture.counted, picture.unknown, picture.expired, picture.other), (3, 1, 1, 1));
    assert_eq!(lines(&shop), [row("Mystery", "1"), row("Milk", "3")]);
    assert_eq!(shop.said(), "count-picture-expired");
    assert!(ask(&mut shop, CountAsk::DropPicture).picture.is_none(), "the camera is live again");
    ask(&mut shop, CountAsk::Undo);
    assert_eq!(lines(&shop), [row("Milk", "1")], "a picture is one step");
    assert_eq!(shop.shutter.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_second_symbol_in_a_picture_takes_the_nearest_pack_out() {
    use Symbology::{Ean13, Gs1DataMatrix};
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    let packs = (0..3).map(|at| seen(at, Ean13, &gtin(1))).collect();
    let others = vec![
        seen(1, Gs1DataMatrix, &format!("010{}17261120", gtin(1))),
        seen(2, Symbology::QrCode, "https://advert.example/"),
        seen(4, Ean13, &body("210004292875")),
    ];
    let picture = photograph(&mut shop, packs, others).picture.unwrap();
    let states: Vec<_> = picture.marks.iter().map(|mark| mark.state).collect();
    use PackState::{Counted, Expired};
    assert_eq!(states, [Counted, Expired, Counted, Counted]);
    assert_eq!(lines(&shop), [row("Appenzeller", "1"), row("Milk", "2")], "labels are packs");
}

#[test]
fn what_the_aimed_camera_counted_is_not_counted_again_by_the_picture() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    let aim = |shop: &mut Shop, number| {
        let code = Code::new(Symbology::Ean13, gtin(number));
        shop.terminal.handle(Input::Seen(code));
    };
    let milks = || (0..3).map(|at| seen(at, Symbology::Ean13, &gtin(1))).collect::<Vec<_>>();
    aim(&mut shop, 1);
    assert_eq!(lines(&shop), [row("Milk", "1")]);
    shop.clock.pass(3_000);
    let picture = photograph(&mut shop, milks(), vec![]).picture.unwrap();
    assert_eq!((picture.counted, picture.before), (3, 1));
    assert_eq!(lines(&shop), [row("Milk", "3")]);
    // Now it is composed with: what it passes is counted by the next picture.
    aim(&mut shop, 1);
    ask(&mut shop, CountAsk::DropPicture);
    aim(&mut shop, 1);
    assert_eq!(lines(&shop), [row("Milk", "3")]);
    // A trigger is pressed on purpose, and takes the picture away.
    photograph(&mut shop, milks(), vec![]);
    assert!(shop.scan(1).count.picture.is_none());
    assert_eq!(lines(&shop), [row("Milk", "7")]);
    assert!(!ask(&mut shop, CountAsk::OneByOne).is_all_in_view);
    aim(&mut shop, 1);
    assert_eq!(lines(&shop), [row("Milk", "8")]);
    // Long ago, and by hand: other packs.
    shop.clock.pass(60_000);
    let picture = photograph(&mut shop, milks(), vec![]).picture.unwrap();
    assert_eq!((picture.before, lines(&shop)), (0, vec![row("Milk", "11")]));
}

#[test]
fn a_picture_is_asked_for_once_and_not_waited_for_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    assert!(!ask(&mut shop, CountAsk::TakePicture).is_looking);
    assert_eq!(shop.said(), "count-no-camera");
    for (camera, can) in [("camera", true), ("replay", true), ("lost", false), ("none", false)] {
        shop.terminal.handle(Input::Camera(camera.into()));
        assert_eq!(shop.screen().count.can_take_picture, can, "{camera}");
    }
    shop.terminal.handle(Input::Camera("camera".into()));
    ask(&mut shop, CountAsk::TakePicture);
    ask(&mut shop, CountAsk::TakePicture);
    assert_eq!(shop.shutter.0.load(Ordering::Relaxed), 1);
    shop.clock.pass(10_000);
    shop.terminal.handle(Input::Tick);
    assert_eq!(
        (shop.said().as_str(), shop.screen().count.is_looking),
        ("count-picture-missed", false)
    );
    // It comes late, or after the person has left: nothing is counted behind anybody's back.
    let late = || {
        let packs = vec![seen(0, Symbology::Ean13, &gtin(1))];
        Input::Picture(SeenPicture { packs, others: vec![] })
    };
    shop.terminal.handle(late());
    ask(&mut shop, CountAsk::TakePicture);
    shop.tap(Intent::Back);
    shop.terminal.handle(late());
    assert_eq!(shop.tap(Intent::Open(View::Count)).count.article_count, 0);
    let nothing = photograph(&mut shop, vec![], vec![]).picture.unwrap();
    assert_eq!((nothing.counted, shop.screen().sell.outcome), (0, ScanOutcome::Unknown));
}

#[test]
fn a_long_list_is_shown_by_the_page_and_a_scan_shows_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = counting(directory.path());
    let mut rows = rows(Feed::Catalogue);
    let many = 2 * PAGE_LINES as u32 + 3;
    for number in 1_000..1_000 + many {
        let id = Uuid::from_u128(u128::from(number));
        rows.push(("article", id, json!({
            "id": id, "gtins": [format!("0{}", gtin(number))], "name": format!("Article {number}"),
            "unit": "piece", "price_minor": 100, "currency": "CHF", "tax_group": "food",
            "price_version": 1, "rank": number,
        })));
    }
    load_rows(shop.terminal.store(), Feed::Catalogue, &rows);
    for number in 1_000..1_000 + many {
        shop.scan(number);
    }
    let first = shop.screen().count;
    assert_eq!((first.lines.len(), first.page_count, first.article_count), (PAGE_LINES, 3, many));
    let last = ask(&mut shop, CountAsk::Page(9));
    assert_eq!((last.page, last.lines.len()), (2, 3));
    assert_eq!(last.lines[2].name, "Article 1000");
    let again = shop.scan(1_000).count;
    assert_eq!((again.page, again.lines[0].name.as_str()), (0, "Article 1000"));
}
