//! One window for all checks, because a process has one display: each check names itself and all are run, so
//! that one fault does not hide the next.

use crossroads::app::intent::{CountAsk, DeliveryField, Intent, Language, Role, View};
use crossroads::app::screen::{ScanOutcome, Screen, Severity};
use crossroads::app::viewfinder::{Ask, SaveState};
use crossroads::view::contact_sheet::{DEVICES, Device, SMALLEST, Studio};
use crossroads::view::sample::{LANGUAGES, Sample, samples, with_message};
use crossroads::view::sound::{Player, Tone};
use crossroads_ui::{MessageText, SellAdapter};
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery};
use slint::ComponentHandle;
use slint::platform::WindowEvent;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

/// Smallest side of anything that can be pressed, logical pixels (WCAG 2.2 AAA asks for 44).
const TARGET_MIN: f32 = 44.0;

/// The window, what it asked for, and what a scanner would have swallowed.
struct Bench {
    studio: Studio,
    intents: Rc<RefCell<Vec<Intent>>>,
    keys: Rc<RefCell<String>>,
    is_burst: Rc<Cell<bool>>,
    asks: Rc<RefCell<Vec<Ask>>>,
    heard: Rc<RefCell<Vec<Tone>>>,
}

/// Hears what would be played.
struct Ear(Rc<RefCell<Vec<Tone>>>);

impl Player for Ear {
    fn play(&self, tone: Tone) {
        self.0.borrow_mut().push(tone);
    }
}

impl Bench {
    fn new() -> Self {
        let studio = Studio::new().expect("no other display was chosen in this process");
        let intents = Rc::new(RefCell::new(Vec::new()));
        let keys = Rc::new(RefCell::new(String::new()));
        let is_burst = Rc::new(Cell::new(false));
        let (sent, typed, burst) = (Rc::clone(&intents), Rc::clone(&keys), Rc::clone(&is_burst));
        studio.window().connect(
            move |intent| sent.borrow_mut().push(intent),
            move |text| {
                typed.borrow_mut().push_str(text);
                burst.get()
            },
        );
        let (asks, heard) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
        let asked = Rc::clone(&asks);
        studio.window().connect_viewfinder(move |ask| asked.borrow_mut().push(ask));
        studio.window().play_with(Ear(Rc::clone(&heard)));
        Self { studio, intents, keys, is_burst, asks, heard }
    }

    fn show(&self, sample: &Sample, device: Device) {
        self.studio.stage(sample, device, false);
        self.intents.borrow_mut().clear();
        self.keys.borrow_mut().clear();
    }

    /// Shows the English sample of this name on the handheld.
    fn show_named(&self, name: &str) -> Screen {
        let sample = samples(Language::English)
            .into_iter()
            .find(|sample| sample.name == name)
            .unwrap_or_else(|| panic!("there is no sample {name}"));
        self.show(&sample, DEVICES[0]);
        sample.screen
    }

    fn pressables(&self) -> Vec<ElementHandle> {
        ElementQuery::from_root(self.studio.window().app())
            .match_descendants()
            .match_predicate(|element| {
                matches!(
                    element.accessible_role(),
                    Some(AccessibleRole::Button | AccessibleRole::Switch)
                )
            })
            .find_all()
    }

    fn find(&self, label: &str) -> ElementHandle {
        let starts = |element: &ElementHandle| {
            element
                .accessible_label()
                .is_some_and(|name| name == label || name.starts_with(&format!("{label}, ")))
        };
        self.pressables().into_iter().find(starts).unwrap_or_else(|| {
            let names: Vec<_> =
                self.pressables().iter().filter_map(ElementHandle::accessible_label).collect();
            panic!("nothing here is called {label:?}, only {names:?}")
        })
    }

    /// A finger on the middle of what is called `label`; what it asked for since the last look.
    fn tap(&self, label: &str) -> Vec<Intent> {
        let element = self.find(label);
        let (place, size) = (element.absolute_position(), element.size());
        self.studio.display().tap(place.x + size.width / 2.0, place.y + size.height / 2.0);
        self.studio.pass(300);
        self.intents.take()
    }

    fn key(&self, text: &str) {
        let window = self.studio.window().app().window();
        window.dispatch_event(WindowEvent::KeyPressed { text: text.into() });
        window.dispatch_event(WindowEvent::KeyReleased { text: text.into() });
        self.studio.pass(10);
    }
}

/// One thing to prove; it panics when it does not hold.
type Check = fn(&Bench);

#[test]
fn the_window() {
    let bench = Bench::new();
    let checks: [(&str, Check); 24] = [
        ("touches ask for the right thing", touches_ask_for_the_right_thing),
        ("cash takes two taps", cash_takes_two_taps),
        ("a scan takes no tap", a_scan_takes_no_tap),
        ("sign-in takes no tap after the last digit", sign_in_needs_no_confirmation),
        ("a line is edited outside the list", a_line_is_edited),
        ("the basket is emptied only after a question", emptying_asks_first),
        ("the code of a basket put aside is shown", the_code_of_a_basket_is_shown),
        ("the customer role is led step by step", delivery_asks_one_thing_at_a_time),
        ("goods are counted", goods_are_counted),
        ("a picture is checked and put away", a_picture_is_checked),
        ("keys of a scanner pass by the buttons", scanner_keys_pass_by),
        ("a keyboard on the desk types digits", a_keyboard_on_the_desk_types),
        ("Escape goes back", escape_goes_back),
        ("hand and keyboard are asked for", hand_and_keyboard_are_asked_for),
        ("the history is seen at once", the_history_is_seen_at_once),
        ("what has no name of its own is named", fees_and_lines_have_words),
        ("the keyboard on the screen types", the_screen_keyboard_types),
        ("typing is faster than the answer", typing_survives_late_screens),
        ("every scan is heard", every_scan_is_heard),
        ("the viewfinder says what would help", the_viewfinder_says_what_would_help),
        ("the outline fades", the_outline_fades),
        ("what the camera sees is shown and kept", what_the_camera_sees_is_shown_and_kept),
        ("every message has words", every_message_has_words),
        ("everything fits everywhere", everything_fits_everywhere),
    ];
    let mut faults = Vec::new();
    for (name, check) in checks {
        if let Err(fault) = catch_unwind(AssertUnwindSafe(|| check(&bench))) {
            let words = (fault.downcast_ref::<String>().cloned())
                .or_else(|| fault.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default();
            faults.push(format!("{name}: {words}"));
        }
    }
    assert!(faults.is_empty(), "{} checks failed:\n{}", faults.len(), faults.join("\n"));
}

fn touches_ask_for_the_right_thing(bench: &Bench) {
    bench.show_named("sell");
    assert_eq!(bench.tap("Pay"), [Intent::Pay]);
    assert_eq!(bench.tap("Undo"), [Intent::Undo]);
    assert_eq!(bench.tap("Customer"), [Intent::Open(View::Customers)]);
    assert_eq!(bench.tap("Search"), [Intent::Open(View::Articles)]);
    assert_eq!(bench.tap("Online"), [Intent::Open(View::Sync)]);
    assert_eq!(bench.tap("Person and settings"), [Intent::Open(View::Settings)]);
    bench.tap("More");
    assert_eq!(bench.tap("Put the basket aside"), [Intent::Park]);
    bench.tap("More");
    assert_eq!(bench.tap("Hand the terminal to a customer"), [Intent::SetRole(Role::Customer)]);
    bench.tap("Type code");
    for digit in ["4", "0", "0", "6"] {
        bench.tap(digit);
    }
    bench.tap("Erase the last digit");
    assert_eq!(bench.tap("Add to the basket"), [Intent::Typed("400".into())]);

    bench.show_named("pay");
    assert_eq!(bench.tap("7"), [Intent::CashDigit(7)]);
    assert_eq!(bench.tap("0"), [Intent::CashDigit(0)]);
    assert_eq!(bench.tap("Two zeros"), [Intent::CashDoubleZero]);
    assert_eq!(bench.tap("Back to the basket"), [Intent::CancelPay]);
    assert!(bench.tap("Take the cash").is_empty(), "nothing is given yet");
    bench.show_named("pay-typed");
    assert_eq!(bench.tap("Erase the last digit"), [Intent::CashErase]);
    assert_eq!(bench.tap("Take the cash"), [Intent::TakeCash]);

    let screen = bench.show_named("articles");
    let row = &screen.articles.rows[0];
    assert_eq!(bench.tap(&row.name), [Intent::AddArticle(row.id.parse().expect("an id"))]);
    let screen = bench.show_named("customers");
    let row = &screen.customers.rows[1];
    assert_eq!(bench.tap(&row.name), [Intent::OpenCustomer(row.id.parse().expect("an id"))]);
    bench.show_named("customer");
    assert_eq!(bench.tap("Take off this sale"), [Intent::DetachCustomer]);
    let screen = bench.show_named("customer-new");
    let customer = screen.customer.id.parse().expect("an id");
    assert_eq!(bench.tap("Use for this sale"), [Intent::AttachCustomer(customer)]);
    bench.show_named("receipt");
    assert_eq!(bench.tap("Print"), [Intent::PrintReceipt]);
    assert_eq!(bench.tap("Next sale"), [Intent::NewSale]);
    bench.show_named("sync");
    assert_eq!(bench.tap("Try now"), [Intent::SyncNow]);
    assert_eq!(bench.tap("Cut the line"), [Intent::CutLine(true)]);
    bench.show_named("enrol-refused");
    let enrol =
        Intent::Enrol { central: "https://central.demo.example".into(), code: "7KQ4-M2XP".into() };
    assert_eq!(bench.tap("Enrol this device"), [enrol]);
    bench.show_named("sell-unknown");
    assert_eq!(bench.tap("Search by name"), [Intent::DismissMessage, Intent::Open(View::Articles)]);
    bench.show_named("customer-role-sell");
    assert_eq!(bench.tap("Call staff"), [Intent::CallStaff]);
    assert_eq!(bench.tap("Deliver home"), [Intent::Deliver]);
}

fn cash_takes_two_taps(bench: &Bench) {
    bench.show_named("sell");
    let mut asked = bench.tap("Pay");
    let screen = bench.show_named("pay");
    asked.extend(bench.tap(&screen.pay.quick[1]));
    assert_eq!(asked, [Intent::Pay, Intent::CashQuick(1)]);
}

fn a_scan_takes_no_tap(bench: &Bench) {
    let screen = bench.show_named("sell");
    // The line is on the screen without anything asking "done?": no sheet, no message to dismiss.
    let line = &screen.sell.lines[0];
    bench.find(&format!("{} × {}", line.quantity, line.name));
    let names: Vec<_> =
        bench.pressables().iter().filter_map(ElementHandle::accessible_label).collect();
    assert!(
        !names.iter().any(|name| name == "Close" || name == "Dismiss the message"),
        "{names:?}"
    );
}

fn sign_in_needs_no_confirmation(bench: &Bench) {
    let screen = bench.show_named("sign-in");
    for digit in ["1", "2"] {
        assert_eq!(bench.tap(digit), [Intent::PinDigit(digit.parse().expect("a digit"))]);
    }
    assert_eq!(bench.tap("Erase the last digit"), [Intent::PinErase]);
    let person = &screen.sign_in.staff[1];
    let id = person.id.parse().expect("an id");
    assert_eq!(bench.tap(&person.name), [Intent::ChooseStaff(id)]);
}

fn a_line_is_edited(bench: &Bench) {
    let screen = bench.show_named("sell");
    let line = &screen.sell.lines[1];
    let id = line.id.parse().expect("an id");
    let row = format!("{} × {}", line.quantity, line.name);
    assert!(bench.tap(&row).is_empty());
    assert_eq!(bench.tap("One more"), [Intent::StepQuantity(id, 1)]);
    assert_eq!(bench.tap("One less"), [Intent::StepQuantity(id, -1)]);
    bench.tap(&format!("Quantity {}", line.quantity));
    bench.tap("1");
    bench.tap("2");
    assert_eq!(bench.tap("Set the quantity"), [Intent::SetQuantity(id, 12)]);
    bench.tap(&row);
    assert_eq!(bench.tap("Remove"), [Intent::RemoveLine(id)]);
}

fn emptying_asks_first(bench: &Bench) {
    bench.show_named("sell");
    bench.tap("More");
    assert!(bench.tap("Empty the basket").is_empty());
    assert!(bench.tap("Keep it").is_empty());
    bench.tap("More");
    bench.tap("Empty the basket");
    assert_eq!(bench.tap("Empty it"), [Intent::ClearBasket]);
}

fn goods_are_counted(bench: &Bench) {
    bench.show_named("sell");
    bench.tap("More");
    assert_eq!(bench.tap("Count goods"), [Intent::Open(View::Count)]);
    let count = |ask: CountAsk| [Intent::Count(ask)];
    let screen = bench.show_named("count");
    let line = &screen.count.lines[1];
    let id = line.id.parse().expect("an id");
    assert_eq!(bench.tap("Undo"), count(CountAsk::Undo));
    assert_eq!(bench.tap("Compare"), count(CountAsk::Compare(true)));
    assert_eq!(bench.tap("Print list"), count(CountAsk::Print));
    assert_eq!(bench.tap("Back"), [Intent::Back]);
    let row = format!("{} × {}", line.quantity, line.name);
    assert!(bench.tap(&row).is_empty());
    assert_eq!(bench.tap("One more"), count(CountAsk::Step(id, 1)));
    assert_eq!(bench.tap("One less"), count(CountAsk::Step(id, -1)));
    bench.tap(&format!("Quantity {}", line.quantity));
    for digit in ["1", "2", "3", "4"] {
        bench.tap(digit);
    }
    assert_eq!(bench.tap("Set the quantity"), count(CountAsk::Set(id, 1_234)));
    bench.tap(&row);
    assert_eq!(bench.tap("Remove"), count(CountAsk::Remove(id)));
    // Throwing a list away is one of the few things that are asked about.
    assert!(bench.tap("Empty").is_empty());
    assert!(bench.tap("Keep it").is_empty());
    bench.tap("Empty");
    assert_eq!(bench.tap("Throw it away"), count(CountAsk::Empty));
    bench.tap("Type code");
    bench.tap("7");
    assert_eq!(bench.tap("Count it"), [Intent::Typed("7".into())]);
    bench.show_named("count-of-other");
    assert_eq!(bench.tap("Lines after these"), count(CountAsk::Page(1)));
    bench.show_named("count-compare");
    assert_eq!(bench.tap("Continue"), count(CountAsk::Compare(false)));
}

fn a_picture_is_checked(bench: &Bench) {
    let count = |ask: CountAsk| [Intent::Count(ask)];
    bench.show_named("count");
    assert_eq!(bench.tap("All in view"), count(CountAsk::TakePicture));
    bench.show_named("count-all-in-view");
    assert!(bench.tap("Looking…").is_empty(), "one picture at a time");
    assert_eq!(bench.tap("One by one"), count(CountAsk::OneByOne));
    bench.show_named("count-of-other");
    assert!(bench.tap("All in view").is_empty(), "there is no camera, and the button says so");
    bench.show_named("count-picture");
    assert_eq!(bench.tap("All in view"), count(CountAsk::TakePicture));
    let words = "5 pieces counted, 1 unknown, 1 past its date";
    assert_eq!(bench.tap(words), count(CountAsk::DropPicture));
    bench.key("\u{1b}");
    assert_eq!(bench.intents.take(), count(CountAsk::DropPicture));
}

fn the_code_of_a_basket_is_shown(bench: &Bench) {
    let parked = bench.show_named("parked").sell.parked;
    let label = format!("Show the code of {}", parked[1].title);
    assert!(bench.tap(&label).is_empty(), "looking at a code changes nothing");
    let modules = bench.studio.window().app().global::<SellAdapter>().get_shown_code();
    // 55 characters of the alphanumeric set are 29 modules, and four of quiet zone on each side.
    assert_eq!(modules.to_rgb8().map(|picture| picture.width()), Some(29 + 8));
    let asked = bench.tap("Take up again");
    assert!(
        matches!(&asked[..], [Intent::Resume(id)] if id.to_string() == parked[1].id),
        "{asked:?}"
    );
    // What is taken up elsewhere is not offered any longer.
    let mut screen = bench.show_named("parked-code");
    bench.find("Take up again");
    screen.sell.parked.clear();
    bench.studio.window().show(&screen);
    bench.studio.pass(100);
    let shown = bench.studio.window().app().global::<SellAdapter>().get_shown_basket();
    assert_eq!(shown.id, "");
    // Without a key there is no code to show.
    bench.show_named("sell-full");
    bench.studio.window().app().global::<SellAdapter>().set_is_more_open(true);
    bench.studio.pass(300);
    let labels = bench.pressables();
    let mut names = labels.iter().filter_map(ElementHandle::accessible_label);
    assert!(!names.any(|name| name.starts_with("Show the code")));
}

fn delivery_asks_one_thing_at_a_time(bench: &Bench) {
    // With a known address and a chosen time: next, next, order.
    bench.show_named("customer-role-delivery");
    assert!(bench.tap("Next").is_empty());
    let slot = bench.pressables().into_iter().filter_map(|element| element.accessible_label());
    let slot = slot.filter(|name| name.contains("delivery")).nth(2).expect("times are offered");
    assert!(matches!(bench.tap(&slot)[..], [Intent::ChooseSlot(_)]));
    assert!(bench.tap("Next").is_empty());
    assert_eq!(bench.tap("Order now"), [Intent::ConfirmDelivery]);
    bench.show_named("customer-role-address");
    let name = DeliveryField::Street;
    let field = ElementQuery::from_root(bench.studio.window().app())
        .match_descendants()
        .match_accessible_role(AccessibleRole::TextInput)
        .find_all()
        .into_iter()
        .find(|field| field.accessible_label().is_some_and(|name| name == "Street and number"))
        .expect("the street can be typed");
    field.set_accessible_value("Mill Lane 3");
    assert_eq!(bench.intents.take(), [Intent::DeliveryField(name, "Mill Lane 3".into())]);
}

fn scanner_keys_pass_by(bench: &Bench) {
    bench.show_named("sell");
    bench.is_burst.set(true);
    for key in ["9", "5", "2", "\n"] {
        bench.key(key);
    }
    bench.is_burst.set(false);
    assert_eq!(*bench.keys.borrow(), "952\n");
    assert!(bench.intents.borrow().is_empty(), "Enter of a scanner presses no button");
    // In a text field the same keys are text.
    bench.show_named("articles");
    bench.key("9");
    assert_eq!(*bench.keys.borrow(), "");
    assert!(
        matches!(&bench.intents.take()[..], [Intent::ArticleQuery(text)] if text.contains('9'))
    );
}

fn a_keyboard_on_the_desk_types(bench: &Bench) {
    let asked = |keys: &[&str], gap_ms: u64| {
        for key in keys {
            bench.key(key);
            bench.studio.pass(gap_ms);
        }
        bench.studio.pass(200);
        bench.intents.take()
    };
    bench.show_named("sign-in");
    let typed = [Intent::PinDigit(1), Intent::PinDigit(2), Intent::PinErase];
    assert_eq!(asked(&["1", "2", "\u{8}"], 100), typed, "a slow hand");
    bench.studio.pass(200);
    assert_eq!(asked(&["1", "2", "\u{8}"], 40), typed, "a quick hand");
    bench.studio.pass(200);
    // Ten milliseconds a key: a scanner, whether or not its Enter made a scan of it.
    assert!(asked(&["4", "0", "0", "6", "\n"], 0).is_empty(), "a scanner types no PIN");
    bench.studio.pass(200);
    assert!(asked(&["4", "0", "0", "6"], 20).is_empty(), "nor does one without an Enter");
    bench.show_named("pay");
    assert_eq!(
        asked(&["2", "0", "\u{8}", "\n"], 100),
        [Intent::CashDigit(2), Intent::CashDigit(0), Intent::CashErase],
        "Enter takes nothing while nothing is given"
    );
    bench.show_named("pay-typed");
    assert_eq!(asked(&["\n"], 100), [Intent::TakeCash]);
    assert!(asked(&["9", "5", "2", "1", "\n"], 0).is_empty(), "a scanner pays nothing");
    bench.show_named("sell");
    assert!(asked(&["1", "\n"], 100).is_empty());
}

fn escape_goes_back(bench: &Bench) {
    let escape = |name: &str| {
        bench.show_named(name);
        bench.key("\u{1b}");
        bench.intents.take()
    };
    for name in ["articles", "customers", "customer", "delivery", "sync", "settings"] {
        assert_eq!(escape(name), [Intent::Back], "{name}");
    }
    assert_eq!(escape("pay"), [Intent::CancelPay]);
    for name in ["enrol", "sign-in", "sell", "receipt"] {
        assert!(escape(name).is_empty(), "{name} has no way back");
    }
    assert!(escape("customer-role-slot").is_empty(), "one step back inside the view");
    bench.key("\u{1b}");
    assert_eq!(bench.intents.take(), [Intent::Back]);
    bench.show_named("sell");
    bench.tap("More");
    bench.key("\u{1b}");
    assert!(bench.intents.take().is_empty());
    assert_eq!(bench.tap("Pay"), [Intent::Pay], "the sheet is gone");
}

fn hand_and_keyboard_are_asked_for(bench: &Bench) {
    let sample = samples(Language::English).into_iter().find(|sample| sample.name == "settings");
    let mut sample = sample.expect("there are settings");
    // On the tablet everything is in sight.
    bench.show(&sample, DEVICES[2]);
    assert_eq!(bench.tap("Left hand"), [Intent::SetLeftHanded(true)]);
    assert_eq!(bench.tap("Keyboard on the screen"), [Intent::SetKeyboard(false)]);
    sample.screen.left_handed = true;
    sample.screen.keyboard = false;
    bench.show(&sample, DEVICES[2]);
    assert_eq!(bench.tap("Left hand"), [Intent::SetLeftHanded(false)]);
    assert_eq!(bench.tap("Keyboard on the screen"), [Intent::SetKeyboard(true)]);
}

fn the_history_is_seen_at_once(bench: &Bench) {
    for device in [SMALLEST, DEVICES[0], DEVICES[1], DEVICES[2]] {
        for sample in samples(Language::German).iter().filter(|s| s.name == "customer") {
            bench.show(sample, device);
            let place_of = |id: &str| {
                let mut found = bench.pressables().into_iter();
                found.find(|element| element.id().is_some_and(|name| name.ends_with(id)))
            };
            let line = place_of("again-button").expect("something was bought");
            let bar = place_of("detach-button").expect("the sale is theirs");
            let (end, edge) =
                (line.absolute_position().y + line.size().height, bar.absolute_position().y);
            assert!(end < edge, "{}: the first purchase ends at {end} of {edge}", device.name);
            let last = bench
                .pressables()
                .into_iter()
                .filter(|element| element.id().is_some_and(|name| name.ends_with("again-button")));
            let last = last.map(|line| line.absolute_position().y + line.size().height);
            // What is scrolled out of sight is not found; on the tablet all is in sight.
            let older = place_of("more-button").map(|button| button.absolute_position().y);
            assert!(older.is_some() || device.name != "1280x800", "older purchases are offered");
            let older = older.unwrap_or(f32::INFINITY);
            let lowest = last.fold(0.0, f32::max);
            assert!(lowest <= older, "{}: {lowest} lies under {older}", device.name);
        }
    }
}

fn fees_and_lines_have_words(bench: &Bench) {
    let texts = || -> Vec<_> {
        ElementQuery::from_root(bench.studio.window().app())
            .match_descendants()
            .find_all()
            .iter()
            .filter_map(ElementHandle::accessible_label)
            .collect()
    };
    let screen = bench.show_named("receipt-delivery");
    assert!(screen.receipt.lines.iter().any(|line| line.name.is_empty()), "the sample has a fee");
    assert!(texts().iter().any(|text| text == "Delivery"), "{:?}", texts());
    bench.show_named("enrol");
    assert!(!texts().iter().any(|text| text.contains("Connecting")), "{:?}", texts());
}

fn the_screen_keyboard_types(bench: &Bench) {
    let screen = bench.show_named("customers");
    bench.tap("Empty the field");
    assert_eq!(bench.tap("m"), [Intent::CustomerQuery("m".into())]);
    bench.tap("Capital letter");
    assert_eq!(bench.tap("A"), [Intent::CustomerQuery("mA".into())]);
    assert_eq!(bench.tap("Erase the last letter"), [Intent::CustomerQuery("m".into())]);
    bench.tap("Accents");
    assert_eq!(bench.tap("ü"), [Intent::CustomerQuery("mü".into())]);
    bench.tap("Hide the keyboard");
    let names: Vec<_> =
        bench.pressables().iter().filter_map(ElementHandle::accessible_label).collect();
    assert!(!names.iter().any(|name| name == "Space"), "{names:?}");
    bench.find(&screen.customers.rows[2].name);
}

fn typing_survives_late_screens(bench: &Bench) {
    let mut screen = bench.show_named("articles");
    bench.tap("Empty the field");
    for letter in ["b", "r", "o"] {
        bench.key(letter);
    }
    screen.articles.query = "b".into();
    bench.studio.window().show(&screen);
    bench.intents.take();
    bench.key("t");
    assert_eq!(bench.intents.take(), [Intent::ArticleQuery("brot".into())]);
}

fn every_scan_is_heard(bench: &Bench) {
    let mut screen = bench.show_named("sell");
    screen.sound = true;
    bench.studio.window().show(&screen);
    bench.heard.take();
    for outcome in
        [ScanOutcome::Added, ScanOutcome::Again, ScanOutcome::Unknown, ScanOutcome::Refused]
    {
        screen.sell.outcome = outcome;
        screen.sell.outcome_serial += 1;
        bench.studio.window().show(&screen);
        // A screen that changed otherwise is no scan.
        screen.status.waiting += 1;
        bench.studio.window().show(&screen);
    }
    assert_eq!(bench.heard.take(), [Tone::Read, Tone::Again, Tone::Unknown, Tone::Refused]);
    screen.sound = false;
    screen.sell.outcome_serial += 1;
    bench.studio.window().show(&screen);
    assert!(bench.heard.take().is_empty(), "sounds are off");
    screen.sound = true;
    bench.studio.window().show(&screen);
    assert!(bench.heard.take().is_empty(), "a scan is not heard later");
}

impl Bench {
    /// What the viewfinder says.
    fn viewfinder(&self) -> String {
        let found = ElementQuery::from_root(self.studio.window().app())
            .match_descendants()
            .match_accessible_role(AccessibleRole::Image)
            .find_first();
        found.and_then(|element| element.accessible_label()).unwrap_or_default().into()
    }

    fn has(&self, label: &str) -> bool {
        self.pressables().iter().any(|it| it.accessible_label().is_some_and(|name| name == label))
    }

    /// Touches what is called `label`; what was asked of the viewfinder.
    fn ask(&self, label: &str) -> Vec<Ask> {
        self.tap(label);
        self.asks.take()
    }
}

fn the_viewfinder_says_what_would_help(bench: &Bench) {
    for (name, words) in [
        ("scan-dark", "Too dark: switch the light on"),
        ("scan-dark-no-light", "Too dark: more light helps"),
        ("scan-still", "Hold still"),
        ("scan-closer", "A little closer"),
        ("scan-glare", "Tilt it: the label shines"),
        ("scan-light-refused", "The light does not switch on"),
    ] {
        bench.show_named(name);
        assert_eq!(bench.viewfinder(), words, "{name}");
    }
    bench.studio.pass(5_000);
    assert_eq!(bench.viewfinder(), "Hold the code in the frame", "a refusal is said once");
    bench.asks.take();
    bench.show_named("scan-dark");
    assert_eq!(bench.ask("Switch the light on"), [Ask::Torch(true)]);
    bench.show_named("scan-still");
    assert_eq!(bench.ask("Switch the light off"), [Ask::Torch(false)]);
    bench.show_named("scan-closer");
    assert!(!bench.has("Switch the light on"), "no light, no button");
    // A scan is answered in words, and what it was is said for a moment only.
    let mut screen = bench.show_named("scan-still");
    screen.sell.outcome = ScanOutcome::Unknown;
    screen.sell.outcome_serial += 1;
    bench.studio.window().show(&screen);
    bench.studio.pass(50);
    assert_eq!(bench.viewfinder(), "Not known here");
    bench.studio.pass(2_000);
    assert_eq!(bench.viewfinder(), "Hold still");
}

fn the_outline_fades(bench: &Bench) {
    bench.show_named("scan-closer");
    let before = bench.studio.display().picture().rgb;
    let corners = [(0.3, 0.45), (0.7, 0.45), (0.7, 0.55), (0.3, 0.55)];
    bench.studio.window().preview().outline(corners);
    bench.studio.pass(10);
    bench.studio.pass(200);
    let outlined = bench.studio.display().picture();
    // The picture is grey: whatever is green on the strip is the outline.
    let green = |at: usize| {
        let is_on_strip = (80..260).contains(&(at / outlined.width as usize));
        is_on_strip && outlined.rgb[at * 3 + 1] > outlined.rgb[at * 3].saturating_add(60)
    };
    let places: Vec<usize> = (0..outlined.rgb.len() / 3).filter(|at| green(*at)).collect();
    let columns = places.iter().map(|at| at % outlined.width as usize);
    let (left, right) = (columns.clone().min().unwrap_or(0), columns.max().unwrap_or(0));
    // The picture of 4:3 fills the strip's width, so that fractions of it are fractions of the strip.
    let share = |place: usize| place as f32 / outlined.width as f32;
    assert!(
        (share(left) - 0.3).abs() < 0.02 && (share(right) - 0.7).abs() < 0.02,
        "{left} {right}"
    );
    bench.studio.pass(700);
    bench.studio.pass(300);
    assert!(bench.studio.display().picture().rgb == before, "nothing of it is left");
}

fn what_the_camera_sees_is_shown_and_kept(bench: &Bench) {
    bench.show_named("sell");
    bench.asks.take();
    assert_eq!(bench.ask("What the camera sees"), [Ask::Diagnose(true)]);
    assert_eq!(bench.ask("Back"), [Ask::Diagnose(false)]);
    bench.ask("What the camera sees");
    bench.key("\u{1b}");
    assert_eq!(bench.asks.take(), [Ask::Diagnose(false)], "Escape goes back");
    bench.show_named("diagnostics");
    bench.asks.take();
    assert_eq!(bench.ask("Hold"), [Ask::Hold(true)]);
    assert_eq!(bench.ask("Go on"), [Ask::Hold(false)]);
    assert_eq!(bench.ask("Save this frame"), [Ask::Save]);
    assert!(bench.has("Go on"), "what is kept stands still");
    let file = "/var/lib/crossroads/frames/frame-1.png";
    bench.studio.window().preview().saved(SaveState::Saved(file.into()));
    bench.studio.pass(50);
    let says = |words: &str| {
        ElementQuery::from_root(bench.studio.window().app())
            .match_descendants()
            .find_all()
            .iter()
            .any(|it| it.accessible_label().is_some_and(|label| label.contains(words)))
    };
    assert!(says(file), "the file is named");
    for (state, words) in [
        (SaveState::DiskFull("/x".into()), "the disk is nearly full"),
        (SaveState::Forbidden("/x".into()), "may not write to /x"),
        (SaveState::Crowded("/x".into()), "/x holds as many"),
        (SaveState::Failed("a reason".into()), "a reason"),
    ] {
        bench.studio.window().preview().saved(state);
        bench.studio.pass(50);
        assert!(says(words), "{words}");
    }
    bench.show_named("customer-role-sell");
    assert!(!bench.has("What the camera sees"), "customers have no use for it");
}

/// Codes that a source of the program says as messages: the strings of `Message::…("code"` and of tables.
fn said_codes() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut codes = Vec::new();
    for entry in std::fs::read_dir(folder.join("src/app")).expect("src/app").flatten() {
        let source = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for (at, _) in source.match_indices("Message::") {
            let call = &source[at..(at + 60).min(source.len())];
            // `Message::warning("code"`, but neither a type's path nor a call with a variable.
            match call.split_once("(\"") {
                Some((before, after)) if !before.contains(' ') => {
                    codes.extend(after.split('"').next().map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    let status = std::fs::read_to_string(folder.join("sync/status.rs")).expect("sync/status.rs");
    let problems = status.split("impl SyncProblem {").nth(1).expect("the problems have codes");
    let problems = problems.split("\n}\n").next().unwrap_or_default();
    let code = |tail: &str| tail.split('"').next().map(str::to_owned);
    codes.extend(problems.split("=> \"").skip(1).filter_map(code));
    codes.sort();
    codes.dedup();
    codes
}

fn every_message_has_words(bench: &Bench) {
    let codes = said_codes();
    assert!(codes.len() > 30, "only {} codes were found: {codes:?}", codes.len());
    let screen = with_message(Language::English, Severity::Error, "internal", &[]);
    bench.studio.window().show(&screen);
    let texts = bench.studio.window().app().global::<MessageText>();
    let wordless: Vec<_> = (codes.iter())
        .filter(|code| {
            let sentence = texts.invoke_sentence(code.as_str().into(), "7".into(), "".into(), true);
            sentence.is_empty() || sentence.contains(&format!("({code}"))
        })
        .collect();
    assert!(wordless.is_empty(), "no words in ui/message.slint for {wordless:?}");
    // An unknown one is still said.
    let unknown = texts.invoke_sentence("new-thing".into(), "".into(), "".into(), true);
    assert!(unknown.contains("new-thing"));
}

/// Whether `element` is drawn in a part that scrolls, where it may lie outside.
fn scrolls(element: &ElementHandle) -> bool {
    let id = element.id().unwrap_or_default();
    let scrolled = [
        "-row",
        "again-button",
        "more-button",
        "show-code-button",
        "-chip",
        "-switch",
        "clear-button",
        "address-button",
    ];
    scrolled.iter().any(|kind| id.ends_with(kind))
}

/// What is wrong with the place, size or name of something on this device.
fn faults_of(element: &ElementHandle, device: Device) -> Vec<String> {
    let mut faults = Vec::new();
    let (width, height) =
        (device.width as f32 / device.scale_factor, device.height as f32 / device.scale_factor);
    let (place, size) = (element.absolute_position(), element.size());
    let id = element.id().unwrap_or_default();
    if element.accessible_label().unwrap_or_default().is_empty() {
        faults.push("has no name".to_owned());
    }
    // Letters are smaller than other targets: ten of them must stand side by side on a handheld.
    let is_letter = id.starts_with("Keyboard::") && id.ends_with("-key");
    if !is_letter && (size.width < TARGET_MIN || size.height < TARGET_MIN) {
        faults.push(format!("is only {} x {}", size.width, size.height));
    }
    let (right, low) = (place.x + size.width, place.y + size.height);
    let is_outside = place.x < -0.5 || right > width + 0.5 || place.y < -0.5 || low > height + 0.5;
    if is_outside && !scrolls(element) {
        faults
            .push(format!("spans {},{} to {right},{low} in {width} x {height}", place.x, place.y));
    }
    faults
}

fn everything_fits_everywhere(bench: &Bench) {
    let longest = [Language::French, Language::German];
    let cases: [(Device, &[Language]); 3] =
        [(SMALLEST, &LANGUAGES), (DEVICES[0], &longest), (DEVICES[2], &longest)];
    let mut faults = BTreeSet::new();
    for (device, languages) in cases {
        for &language in languages {
            for sample in samples(language) {
                bench.show(&sample, device);
                for element in bench.pressables() {
                    let label = element.accessible_label().unwrap_or_default();
                    let id = element.id().unwrap_or_default();
                    for fault in faults_of(&element, device) {
                        faults.insert(format!(
                            "{} {language:?} {}: {label:?} ({id}) {fault}",
                            device.name, sample.name
                        ));
                    }
                }
            }
        }
    }
    let first: Vec<_> = faults.iter().take(60).cloned().collect();
    assert!(faults.is_empty(), "{} places, the first:\n{}", faults.len(), first.join("\n"));
}
