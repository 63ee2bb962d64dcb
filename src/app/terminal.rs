//! The terminal's session: which view, who, which basket; takes inputs one by one and says what to show.
//!
//! The flows are in the sibling modules, each an `impl Terminal` of its own. Handling an input is synchronous
//! and touches only the local store: nothing here ever waits for a network (what can wait comes back as an
//! [`Input`]).

use super::clock::SKEW_MAX_MS;
use super::count::CountState;
use super::count_picture::SeenPicture;
use super::customer::CustomerState;
use super::delivery::DeliveryState;
use super::enrol::EnrolState;
use super::format::Formatter;
use super::intent::{Intent, Language, Role, View};
use super::message::of_store_error;
use super::pay::PayState;
use super::ports::{EnrolRefusal, Enrolment, LineStatus, Parts};
use super::receipt::ReceiptState;
use super::screen::{Message, Screen, StatusStrip};
use super::sell::{ArticlesState, SellState};
use super::sign_in::SignInState;
use domain::code::Code;
use domain::id::{BasketId, OrderId};
use domain::staff::Staff;
use domain::store::StoreConfig;
use domain::time::{CentralTime, DeviceTime};
use store::{OpenShift, StoreError, SyncStatus};
use sync::ports::TerminalIdentity;

/// What reaches the view-models.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A person, scanner or script asks for something.
    Intent(Intent),
    /// Central answered to an enrolment.
    Enrolled(Result<Enrolment, EnrolRefusal>),
    /// The printer answered for an order's receipt; `Err` is a message code.
    Printed(OrderId, Result<(), String>),
    /// The printer answered for the slip of a basket put aside; `Err` is a message code.
    SlipPrinted(BasketId, Result<(), String>),
    /// The printer answered for a counted list; `Err` is a message code.
    CountPrinted(Result<(), String>),
    /// The camera in words: `camera`, `replay`, `lost`, `none`.
    Camera(String),
    /// The aimed camera read a code: as [`Intent::Scanned`], but nobody pressed a trigger.
    Seen(Code),
    /// What was read in the picture that was asked for.
    Picture(SeenPicture),
    /// A hand scanner in words: message code (`scanner-gone`, `scanner-unusable`, `scanner-garbled`), its name.
    Scanner(String, String),
    /// Sync moved: rows or the state of the line changed.
    SyncMoved,
    /// Time passed (about once a second).
    Tick,
}

/// How long a passing message stays, in milliseconds.
const MESSAGE_MS: u64 = 5000;

/// The session of one device.
pub struct Terminal {
    pub(super) parts: Parts,
    pub(super) formatter: Formatter,
    pub(super) identity: Option<TerminalIdentity>,
    pub(super) config: Option<StoreConfig>,
    pub(super) shift: Option<OpenShift>,
    pub(super) person: Option<Staff>,
    pub(super) view: View,
    pub(super) back: Vec<View>,
    pub(super) role: Role,
    pub(super) language: Language,
    pub(super) is_dark: bool,
    pub(super) has_sound: bool,
    pub(super) is_left_handed: bool,
    pub(super) has_keyboard: bool,
    pub(super) message: Option<(Message, u64)>,
    pub(super) camera: String,
    pub(super) line: LineStatus,
    /// Central's clock minus this device's, as the store remembers it.
    pub(super) remembered_offset_ms: Option<i64>,
    /// Whoever is here was told that the clock is wrong.
    pub(super) is_clock_told: bool,
    pub(super) sync_status: SyncStatus,
    pub(super) enrol: EnrolState,
    pub(super) sign_in: SignInState,
    pub(super) sell: SellState,
    pub(super) articles: ArticlesState,
    pub(super) customer: CustomerState,
    pub(super) pay: PayState,
    pub(super) receipt: ReceiptState,
    pub(super) delivery: DeliveryState,
    pub(super) recovery: Option<store::Recovery>,
    pub(super) count: CountState,
}

/// The deepest way back that is remembered.
const BACK_MAX: usize = 16;

impl Terminal {
    /// Takes up the session where the disk says it was.
    pub fn new(parts: Parts) -> Result<Self, StoreError> {
        let sync_status = parts.store.sync_status()?;
        let mut terminal = Self {
            formatter: Formatter::new(Language::English, "CH", "UTC"),
            identity: None,
            config: None,
            shift: None,
            person: None,
            view: View::Enrol,
            back: Vec::new(),
            role: Role::Cashier,
            language: Language::English,
            is_dark: false,
            has_sound: true,
            is_left_handed: false,
            has_keyboard: true,
            message: None,
            camera: "none".into(),
            line: LineStatus::default(),
            remembered_offset_ms: None,
            is_clock_told: false,
            sync_status,
            enrol: EnrolState::default(),
            sign_in: SignInState::default(),
            sell: SellState::default(),
            articles: ArticlesState::default(),
            customer: CustomerState::default(),
            pay: PayState::default(),
            receipt: ReceiptState::default(),
            delivery: DeliveryState::default(),
            recovery: None,
            count: CountState::default(),
            parts,
        };
        terminal.load_settings()?;
        terminal.load_count()?;
        terminal.identity = terminal.parts.store.terminal()?;
        if terminal.identity.is_some() {
            terminal.view = View::SignIn;
        }
        terminal.refresh()?;
        terminal.begin_with_recovery()?;
        Ok(terminal)
    }

    fn load_settings(&mut self) -> Result<(), StoreError> {
        let store = &self.parts.store;
        if let Some(tag) = store.setting("language")?
            && let Ok(language) = serde_json::from_value(serde_json::Value::String(tag))
        {
            self.language = language;
        }
        self.is_dark = store.setting("dark")?.as_deref() == Some("yes");
        self.has_sound = store.setting("sound")?.as_deref() != Some("no");
        self.is_left_handed = store.setting("left-handed")?.as_deref() == Some("yes");
        self.has_keyboard = store.setting("keyboard")?.as_deref() != Some("no");
        Ok(())
    }

    /// What the wall clock of this device says.
    pub(super) fn now(&self) -> DeviceTime {
        self.parts.clock.now()
    }

    /// The best guess of central's clock.
    pub(super) fn central_now(&self) -> CentralTime {
        let offset = self.clock_offset_ms().unwrap_or(0);
        let small = if offset.saturating_abs() <= SKEW_MAX_MS { offset } else { 0 };
        CentralTime(self.shown_ms(self.now()).saturating_add(small))
    }

    /// The identity that this device was enrolled with, if it was.
    pub fn identity(&self) -> Option<&TerminalIdentity> {
        self.identity.as_ref()
    }

    /// The terminal's database, for summaries.
    pub fn store(&self) -> &store::Store {
        &self.parts.store
    }

    /// Takes one input. What fails becomes a message; nothing is half done.
    pub fn handle(&mut self, input: Input) {
        if let Err(error) = self.try_handle(input) {
            tracing::error!(error = &error as &dyn std::error::Error, "the storage failed");
            self.say(of_store_error(&error));
        }
    }

    fn try_handle(&mut self, input: Input) -> Result<(), StoreError> {
        match input {
            Input::Intent(intent) => {
                self.intent(intent)?;
                self.line = self.parts.sync.status();
                self.sync_status = self.parts.store.sync_status()?;
                Ok(())
            }
            Input::Enrolled(answer) => self.enrolled(answer),
            Input::Printed(order, answer) => {
                self.printed(order, answer);
                Ok(())
            }
            Input::SlipPrinted(basket, answer) => {
                self.slip_printed(basket, answer);
                Ok(())
            }
            Input::CountPrinted(answer) => {
                self.count_printed(&answer);
                Ok(())
            }
            Input::Seen(code) => {
                self.count.is_by_camera = true;
                let done = self.try_handle(Input::Intent(Intent::Scanned(code)));
                self.count.is_by_camera = false;
                done
            }
            Input::Picture(seen) => self.picture_seen(&seen),
            Input::Camera(state) => {
                self.camera = state;
                if self.camera == "lost" {
                    self.say(Message::warning("camera-lost", &[]));
                }
                Ok(())
            }
            Input::Scanner(code, name) => {
                self.say(Message::warning(&code, &[&name]));
                Ok(())
            }
            Input::SyncMoved => self.refresh(),
            Input::Tick => {
                let now = self.parts.clock.monotonic_ms();
                if self.message.as_ref().is_some_and(|(_, until)| *until <= now) {
                    self.message = None;
                }
                self.watch_picture();
                self.refresh()
            }
        }
    }

    /// Reads anew what sync may have changed.
    fn refresh(&mut self) -> Result<(), StoreError> {
        self.line = self.parts.sync.status();
        self.sync_status = self.parts.store.sync_status()?;
        self.remembered_offset_ms = self.parts.store.clock_offset_ms()?;
        let config = self.parts.store.store_config()?;
        if config != self.config {
            self.config = config;
            self.rebuild_formatter();
        }
        self.sell_config_changed()?;
        if self.view == View::SignIn {
            self.refresh_staff()?;
        }
        self.sign_out_who_left()?;
        self.watch_clock();
        Ok(())
    }

    pub(super) fn rebuild_formatter(&mut self) {
        let (country, zone) = self
            .config
            .as_ref()
            .map_or(("CH", "UTC"), |config| (config.country.as_str(), config.time_zone.as_str()));
        self.formatter = Formatter::new(self.language, country, zone);
    }

    fn intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        if !self.is_allowed(&intent) {
            self.say(Message::warning("not-allowed-in-role", &[]));
            return Ok(());
        }
        match intent {
            Intent::Open(view) => self.open(view),
            Intent::Back => self.go_back(),
            Intent::SetRole(role) => self.set_role(role),
            Intent::SetLanguage(language) => {
                self.language = language;
                self.rebuild_formatter();
                let tag = serde_json::to_value(language).unwrap_or_default();
                self.parts.store.set_setting("language", tag.as_str().unwrap_or("en"))
            }
            Intent::SetDark(dark) => {
                self.is_dark = dark;
                self.parts.store.set_setting("dark", if dark { "yes" } else { "no" })
            }
            Intent::SetSound(sound) => {
                self.has_sound = sound;
                self.parts.store.set_setting("sound", if sound { "yes" } else { "no" })
            }
            Intent::SetLeftHanded(left) => {
                self.is_left_handed = left;
                self.parts.store.set_setting("left-handed", if left { "yes" } else { "no" })
            }
            Intent::SetKeyboard(shown) => {
                self.has_keyboard = shown;
                self.parts.store.set_setting("keyboard", if shown { "yes" } else { "no" })
            }
            Intent::DismissMessage => {
                self.message = None;
                Ok(())
            }
            Intent::Enrol { central, code } => {
                self.start_enrolment(&central, &code);
                Ok(())
            }
            Intent::ChooseStaff(_)
            | Intent::PinDigit(_)
            | Intent::PinErase
            | Intent::SignIn { .. }
            | Intent::SignOut => self.sign_in_intent(intent),
            Intent::Scanned(code) => self.scanned(&code),
            Intent::ScannedSamePack(code) => self.scanned_same_pack(&code),
            Intent::Typed(text) => self.typed(&text),
            Intent::SetQuantity(..)
            | Intent::StepQuantity(..)
            | Intent::RemoveLine(_)
            | Intent::Undo
            | Intent::Park
            | Intent::Resume(_)
            | Intent::ClearBasket
            | Intent::ArticleQuery(_)
            | Intent::AddArticle(_) => self.sell_intent(intent),
            Intent::CustomerQuery(_)
            | Intent::OpenCustomer(_)
            | Intent::AttachCustomer(_)
            | Intent::DetachCustomer
            | Intent::HistoryMore => self.customer_intent(intent),
            Intent::Pay
            | Intent::CashDigit(_)
            | Intent::CashDoubleZero
            | Intent::CashErase
            | Intent::CashQuick(_)
            | Intent::TakeCash
            | Intent::Cash(_)
            | Intent::CancelPay => self.pay_intent(intent),
            Intent::PrintReceipt => {
                self.print_receipt();
                Ok(())
            }
            Intent::NewSale => self.new_sale(),
            Intent::Deliver
            | Intent::DeliveryField(..)
            | Intent::ChooseAddress(_)
            | Intent::ChooseSlot(_)
            | Intent::ConfirmDelivery => self.delivery_intent(intent),
            Intent::SyncNow => {
                self.parts.sync.nudge();
                Ok(())
            }
            Intent::CutLine(cut) => {
                self.parts.sync.cut(cut);
                self.say(if cut {
                    Message::warning("line-cut", &[])
                } else {
                    Message::success("line-mended", &[])
                });
                Ok(())
            }
            Intent::AcknowledgeRecovery => self.acknowledge_recovery(),
            Intent::CallStaff => {
                self.say(Message::warning("staff-called", &[]));
                Ok(())
            }
            Intent::Count(ask) => self.count_intent(ask),
        }
    }

    /// What a person may ask for: before sign-in little, as customer nothing about money or other people.
    fn is_allowed(&self, intent: &Intent) -> bool {
        let always = matches!(
            intent,
            Intent::SetLanguage(_)
                | Intent::SetDark(_)
                | Intent::SetSound(_)
                | Intent::SetLeftHanded(_)
                | Intent::SetKeyboard(_)
                | Intent::DismissMessage
                | Intent::Back
                | Intent::SyncNow
                | Intent::Open(View::Sync | View::Settings | View::Recovery)
        );
        let signing_in = matches!(
            intent,
            Intent::ChooseStaff(_)
                | Intent::PinDigit(_)
                | Intent::PinErase
                | Intent::SignIn { .. }
                | Intent::Scanned(_)
                | Intent::Typed(_)
                | Intent::Enrol { .. }
        );
        if self.person.is_none() {
            return always || signing_in;
        }
        if self.role == Role::Customer {
            return self.is_allowed_to_customers(intent);
        }
        true
    }

    /// A list of what is allowed, so that an intent of tomorrow is forbidden until somebody thinks of it.
    fn is_allowed_to_customers(&self, intent: &Intent) -> bool {
        let is_always = matches!(
            intent,
            Intent::SetRole(_)
                | Intent::SetLanguage(_)
                | Intent::SetDark(_)
                | Intent::SetSound(_)
                | Intent::DismissMessage
                | Intent::Back
                | Intent::CallStaff
                | Intent::Open(View::Sell | View::Articles | View::Delivery | View::Settings)
        );
        let is_shopping = matches!(
            intent,
            Intent::Scanned(_)
                | Intent::ScannedSamePack(_)
                | Intent::Typed(_)
                | Intent::SetQuantity(..)
                | Intent::StepQuantity(..)
                | Intent::RemoveLine(_)
                | Intent::Undo
                | Intent::ClearBasket
                | Intent::ArticleQuery(_)
                | Intent::AddArticle(_)
                | Intent::DetachCustomer
                | Intent::Deliver
                | Intent::DeliveryField(..)
                | Intent::ChooseAddress(_)
                | Intent::ChooseSlot(_)
                | Intent::ConfirmDelivery
        );
        let is_own_receipt =
            self.view == View::Receipt && matches!(intent, Intent::PrintReceipt | Intent::NewSale);
        let is_leaving = self.sign_in.is_leaving_customer_role
            && matches!(
                intent,
                Intent::ChooseStaff(_)
                    | Intent::PinDigit(_)
                    | Intent::PinErase
                    | Intent::SignIn { .. }
            );
        is_always || is_shopping || is_own_receipt || is_leaving
    }

    /// Shows a view and remembers the way back.
    pub(super) fn go(&mut self, view: View) {
        if self.view != view {
            if self.back.len() == BACK_MAX {
                self.back.remove(0);
            }
            self.back.push(self.view);
            self.view = view;
        }
    }

    fn open(&mut self, view: View) -> Result<(), StoreError> {
        match view {
            View::Pay => return self.pay_intent(Intent::Pay),
            View::Delivery => return self.delivery_intent(Intent::Deliver),
            View::SignIn if self.identity.is_none() => return Ok(()),
            View::Enrol if self.identity.is_some() && !self.may_enrol_again() => return Ok(()),
            View::Recovery if !self.is_recovery_open() => return Ok(()),
            View::Receipt if !self.receipt.is_set() => return Ok(()),
            View::Customer if !self.customer.is_open() => self.go(View::Customers),
            View::Count => self.open_count(),
            View::Articles => {
                self.search_articles("")?;
                self.go(View::Articles);
            }
            view => self.go(view),
        }
        Ok(())
    }

    pub(super) fn go_back(&mut self) -> Result<(), StoreError> {
        if self.view == View::Receipt {
            return self.new_sale();
        }
        if self.view == View::SignIn && self.sign_in.is_leaving_customer_role {
            self.sign_in.is_leaving_customer_role = false;
            self.sign_in.clear_digits();
        }
        let fallback = if self.person.is_some() { View::Sell } else { self.view };
        let mut view = self.back.pop().unwrap_or(fallback);
        // A finished step is not gone back into.
        while matches!(view, View::Receipt | View::Pay | View::SignIn | View::Enrol)
            && self.person.is_some()
        {
            view = self.back.pop().unwrap_or(View::Sell);
        }
        self.view = view;
        Ok(())
    }

    /// The home view of the role.
    pub(super) fn home(&mut self) {
        self.back.clear();
        self.view = View::Sell;
    }

    pub(super) fn set_role(&mut self, role: Role) -> Result<(), StoreError> {
        if role == self.role {
            return Ok(());
        }
        if self.role == Role::Customer {
            self.say(Message::information("pin-needed-to-leave", &[]));
            self.sign_in.is_leaving_customer_role = true;
            self.sign_in.role_after = Some(role);
            self.sign_in.clear_digits();
            self.refresh_staff()?;
            self.go(View::SignIn);
            return Ok(());
        }
        self.role = role;
        self.leave_nothing_behind();
        self.home();
        self.role_changed()
    }

    /// What the next person holding the terminal must not see or undo.
    pub(super) fn leave_nothing_behind(&mut self) {
        self.customer.close();
        self.forget_undo();
        self.count.list.forget_undo();
        self.put_receipt_away();
        self.delivery = DeliveryState::default();
        self.pay = PayState::default();
        self.hush();
    }

    /// Says something; passing messages go away by themselves.
    pub(super) fn say(&mut self, message: Message) {
        let until = if message.is_passing() {
            self.parts.clock.monotonic_ms().saturating_add(MESSAGE_MS)
        } else {
            u64::MAX
        };
        self.message = Some((message, until));
    }

    /// Takes away what was said about something that is over.
    pub(super) fn hush(&mut self) {
        self.message = None;
    }

    /// Everything a person can see at this moment.
    pub fn screen(&self) -> Screen {
        Screen {
            view: self.view,
            role: self.role,
            language: self.language,
            dark: self.is_dark,
            sound: self.has_sound,
            left_handed: self.is_left_handed,
            keyboard: self.has_keyboard,
            status: self.status_strip(),
            message: self.message.as_ref().map(|(message, _)| message.clone()),
            enrol: self.enrol_screen(),
            sign_in: self.sign_in_screen(),
            sell: self.sell_screen(),
            articles: self.articles_screen(),
            customers: self.customers_screen(),
            customer: self.customer_screen(),
            pay: self.pay_screen(),
            receipt: self.receipt_screen(),
            delivery: self.delivery_screen(),
            sync: self.sync_screen(),
            recovery: self.recovery_screen(),
            count: self.count_screen(),
        }
    }

    /// Progress of the first sync, by what is on disk: it is done when every feed has a cursor.
    pub(super) fn first_sync_percent(&self) -> u32 {
        let feeds = &self.sync_status.feeds;
        let is_done = !feeds.is_empty() && feeds.iter().all(|(_, feed)| feed.cursor.is_some());
        if is_done { 100 } else { self.line.first_sync_percent.min(99) }
    }

    fn status_strip(&self) -> StatusStrip {
        let store = match (&self.config, &self.identity) {
            (Some(config), _) => config.name.clone(),
            (None, Some(identity)) => identity.store_name.clone(),
            (None, None) => String::new(),
        };
        let silent_ms = self.line.last_contact.map_or(0, |at| self.now().0.saturating_sub(at.0));
        let is_online = self.line.line == super::screen::Line::Online;
        let offline_minutes = if is_online { 0 } else { (silent_ms / 60_000).max(0) };
        StatusStrip {
            store,
            terminal: self.identity.as_ref().map(|id| id.name.clone()).unwrap_or_default(),
            person: self.person.as_ref().map(|person| person.name.clone()).unwrap_or_default(),
            line: self.line.line,
            offline_minutes: u32::try_from(offline_minutes).unwrap_or(u32::MAX),
            waiting: u32::try_from(self.sync_status.waiting).unwrap_or(u32::MAX),
            refused: self.sync_status.refused.len() as u32,
            first_sync_percent: self.first_sync_percent(),
            clock: self.formatter.time(self.shown_ms(self.now())),
            is_clock_wrong: self.clock_fault().is_some(),
            camera: self.camera.clone(),
        }
    }
}
