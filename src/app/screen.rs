//! What every view shows, as plain structs: text is formatted for the language, money never a float.
//!
//! A [`Screen`] is recomputed after each intent and handed to the window (or printed by `drive`) as a whole;
//! the window compares it with the one before and touches only what changed. Nothing here knows Slint.

use super::count_picture::CountPicture;
use super::intent::{Language, Role, View};
use serde::Serialize;

/// Everything a person can see at this moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Screen {
    /// Which view is in front.
    pub view: View,
    /// Who holds the terminal.
    pub role: Role,
    /// Language of every text.
    pub language: Language,
    /// Dark theme.
    pub dark: bool,
    /// Sounds are played.
    pub sound: bool,
    /// The main button sits at the left.
    pub left_handed: bool,
    /// The keyboard on the screen opens with a text field.
    pub keyboard: bool,
    /// The strip on top of every view.
    pub status: StatusStrip,
    /// The message bar, if something must be said.
    pub message: Option<Message>,
    /// View `enrol`.
    pub enrol: EnrolScreen,
    /// View `sign-in`.
    pub sign_in: SignInScreen,
    /// View `sell`.
    pub sell: SellScreen,
    /// View `articles`.
    pub articles: ArticlesScreen,
    /// View `customers`.
    pub customers: CustomersScreen,
    /// View `customer`.
    pub customer: CustomerScreen,
    /// View `pay`.
    pub pay: PayScreen,
    /// View `receipt`.
    pub receipt: ReceiptScreen,
    /// View `delivery`.
    pub delivery: DeliveryScreen,
    /// View `sync`.
    pub sync: SyncScreen,
    /// View `recovery`, and what of it the sync view shows.
    pub recovery: RecoveryScreen,
    /// View `count`.
    pub count: CountScreen,
}

/// How loud the message bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Information,
    /// It worked.
    Success,
    /// Someone should act soon.
    Warning,
    /// It did not work; the text says what that means for the money and what to do.
    Error,
}

/// A sentence to a person. The words live with the translations (`ui/message.slint`), keyed by `code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Loudness.
    pub severity: Severity,
    /// Stable key, kebab-case, such as `unknown-code`.
    pub code: String,
    /// Values that the sentence names, in order (at most two).
    pub arguments: Vec<String>,
}

/// How the line to central is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Never tried yet.
    #[default]
    Unknown,
    /// Central answers.
    Online,
    /// The network does not carry.
    Offline,
    /// The network carries, but central (or something between) answers nonsense or errors.
    Troubled,
    /// Central refuses this terminal; a person must act.
    Refused,
}

/// The strip on top.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StatusStrip {
    /// Store name.
    pub store: String,
    /// Terminal name, such as `T03`.
    pub terminal: String,
    /// Person signed in, or empty.
    pub person: String,
    /// Line to central.
    pub line: Line,
    /// Minutes since central last answered; 0 while online.
    pub offline_minutes: u32,
    /// Events central has not acknowledged.
    pub waiting: u32,
    /// Events central holds but could not apply.
    pub refused: u32,
    /// Progress of the first sync in percent; 100 when done.
    pub first_sync_percent: u32,
    /// Time of day, formatted: central's, where this device's clock is wrong and the difference is known.
    pub clock: String,
    /// Somebody should set this device's clock; the words are in the sync view.
    pub is_clock_wrong: bool,
    /// The camera in words: `camera`, `replay`, `lost`, `none`.
    pub camera: String,
}

/// View `enrol`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EnrolScreen {
    /// Address of central.
    pub central: String,
    /// Code typed so far.
    pub code: String,
    /// A request is on its way.
    pub is_busy: bool,
    /// Six digits that must be equal here and in the back office; empty before.
    pub confirmation: String,
    /// The device belongs to a store already, and is enrolled again.
    pub is_again: bool,
}

/// A person who can sign in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StaffChip {
    /// Identity, as text.
    pub id: String,
    /// Staff number.
    pub number: String,
    /// Display name.
    pub name: String,
    /// One or two letters for the chip.
    pub initials: String,
    /// Chosen now.
    pub is_chosen: bool,
}

/// View `sign-in`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SignInScreen {
    /// People of this store, last users first.
    pub staff: Vec<StaffChip>,
    /// Digits typed.
    pub pin_length: u32,
    /// Digits expected.
    pub pin_expected: u32,
    /// Attempts left before the lock; `None` when none failed.
    pub attempts_left: Option<u32>,
    /// Seconds to wait after failures; 0 when free.
    pub locked_seconds: u32,
    /// The PIN is asked in order to leave the customer role.
    pub is_leaving_customer_role: bool,
}

/// One line of the basket, formatted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LineRow {
    /// Identity, as text.
    pub id: String,
    /// Article name.
    pub name: String,
    /// Number under the bars, as a person reads it.
    pub code: String,
    /// Quantity with unit, such as `2` or `0.35 kg`.
    pub quantity: String,
    /// Quantity as an integer of its unit.
    pub quantity_value: i64,
    /// Whether the stepper makes sense (pieces).
    pub is_countable: bool,
    /// Price of one unit, such as `CHF 2.40 / kg`.
    pub unit_price: String,
    /// Line total.
    pub total: String,
    /// Changed by the last intent (the line glows once).
    pub is_fresh: bool,
}

/// A basket put aside.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ParkedRow {
    /// Identity, as text.
    pub id: String,
    /// Customer, or the first article's name.
    pub title: String,
    /// Number of pieces and lines in words is made by the view from this count.
    pub line_count: u32,
    /// Total.
    pub total: String,
    /// Time it was parked.
    pub time: String,
    /// Text of the code by which it is taken up; empty where the chain has no key.
    pub code: String,
}

/// One tax on the basket or receipt.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TaxRow {
    /// Name and rate, such as `VAT 8.1%`.
    pub name: String,
    /// Amount on which it is computed.
    pub base: String,
    /// The tax.
    pub amount: String,
    /// Contained in the price shown (true) or added to it.
    pub is_included: bool,
}

/// What the last scan was, for flash, frame and sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanOutcome {
    /// Nothing scanned yet.
    #[default]
    None,
    /// An article was added.
    Added,
    /// The same again: quantity raised.
    Again,
    /// The code is read, but nothing here knows it.
    Unknown,
    /// It could not be done.
    Refused,
    /// What was added before must come out again.
    TakeOut,
}

/// View `sell`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SellScreen {
    /// Newest first.
    pub lines: Vec<LineRow>,
    /// Sum of pieces (weighed lines count one).
    pub item_count: u32,
    /// Total to pay, formatted with currency.
    pub total: String,
    /// Total without currency, for the big figure.
    pub total_amount: String,
    /// Currency as the locale writes it.
    pub currency: String,
    /// Taxes in the total.
    pub taxes: Vec<TaxRow>,
    /// Customer of the basket, or empty.
    pub customer: String,
    /// Identity of that customer, as text, or empty.
    pub customer_id: String,
    /// There is something to undo.
    pub can_undo: bool,
    /// Baskets put aside, newest first.
    pub parked: Vec<ParkedRow>,
    /// Outcome of the last scan.
    pub outcome: ScanOutcome,
    /// Counts scans, so that the same outcome twice is still news.
    pub outcome_serial: u32,
    /// The last line added, enlarged for two seconds: name and total.
    pub last_name: String,
    /// Total of that line.
    pub last_total: String,
    /// The last code read, as text, to search by when unknown.
    pub last_code: String,
}

/// One article in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ArticleRow {
    /// Identity, as text.
    pub id: String,
    /// Name.
    pub name: String,
    /// Category and size.
    pub detail: String,
    /// Price with unit.
    pub price: String,
    /// Stock here in words is made by the view; `None` when not known.
    pub stock: Option<i64>,
}

/// View `articles`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ArticlesScreen {
    /// What is typed.
    pub query: String,
    /// Best first.
    pub rows: Vec<ArticleRow>,
    /// More exist than are shown.
    pub has_more: bool,
}

/// One customer in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CustomerRow {
    /// Identity, as text.
    pub id: String,
    /// Name.
    pub name: String,
    /// Town, masked phone, masked e-mail.
    pub detail: String,
    /// Card number, or empty.
    pub card: String,
}

/// View `customers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CustomersScreen {
    /// What is typed.
    pub query: String,
    /// Best first.
    pub rows: Vec<CustomerRow>,
    /// More exist than are shown.
    pub has_more: bool,
}

/// Where something was bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// In a shop.
    #[default]
    Store,
    /// On the web.
    Web,
    /// By phone.
    Phone,
}

/// One line of the purchase history.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HistoryRow {
    /// Channel, shown as an icon and a word.
    pub channel: ChannelKind,
    /// Date, formatted.
    pub date: String,
    /// First row of its order (shows date, place and total).
    pub is_first_of_order: bool,
    /// Place: the store's name, or empty.
    pub place: String,
    /// Order number.
    pub number: String,
    /// Total of the order.
    pub order_total: String,
    /// Article.
    pub name: String,
    /// Article identity as text, to buy again; empty when no longer sold.
    pub article_id: String,
    /// Quantity with unit.
    pub quantity: String,
    /// Line total paid then.
    pub price: String,
    /// Not at central yet.
    pub is_unsent: bool,
}

/// An article someone buys often.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FavouriteRow {
    /// Article identity, as text.
    pub article_id: String,
    /// Name.
    pub name: String,
    /// How often it was bought.
    pub times: u32,
    /// Date of the last time, formatted.
    pub last: String,
    /// Price today.
    pub price: String,
}

/// A value for one month, for the small plot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MonthBar {
    /// Short label.
    pub label: String,
    /// Share of the highest month, 0 to 1000.
    pub permille: u32,
    /// Amount, formatted.
    pub amount: String,
}

/// View `customer`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CustomerScreen {
    /// Identity, as text.
    pub id: String,
    /// Name.
    pub name: String,
    /// One or two letters.
    pub initials: String,
    /// Customer since, formatted.
    pub since: String,
    /// Last visit on any channel, formatted.
    pub last_visit: String,
    /// Masked phone.
    pub phone: String,
    /// Masked e-mail.
    pub email: String,
    /// Card number.
    pub card: String,
    /// Town.
    pub city: String,
    /// Number of orders over all channels.
    pub order_count: u32,
    /// Spent in the last twelve months.
    pub spent_year: String,
    /// What they buy most.
    pub favourites: Vec<FavouriteRow>,
    /// Last twelve months.
    pub months: Vec<MonthBar>,
    /// Newest first.
    pub history: Vec<HistoryRow>,
    /// Older rows exist.
    pub has_more: bool,
    /// The basket is theirs.
    pub is_attached: bool,
    /// When central last said something about history, formatted; empty when never.
    pub as_of: String,
}

/// View `pay`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PayScreen {
    /// Amount due.
    pub due: String,
    /// Amount due in cash after rounding to the smallest coin, when it differs; else empty.
    pub due_rounded: String,
    /// Amount typed.
    pub given: String,
    /// Still open after what is typed; empty when covered.
    pub open: String,
    /// Change for what is typed; empty when not covered.
    pub change: String,
    /// Offered amounts, the first is the exact one.
    pub quick: Vec<String>,
    /// The amount covers what is due.
    pub is_covered: bool,
    /// The commit is running; nothing may be pressed twice.
    pub is_busy: bool,
}

/// One line on the receipt.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReceiptLine {
    /// Article.
    pub name: String,
    /// Quantity and unit price, such as `2 × 1.20`.
    pub detail: String,
    /// Line total.
    pub total: String,
}

/// View `receipt`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReceiptScreen {
    /// Receipt number, gapless.
    pub number: String,
    /// Store.
    pub store: String,
    /// Address of the store.
    pub store_address: String,
    /// Date and time.
    pub time: String,
    /// Who served.
    pub served_by: String,
    /// Customer, or empty.
    pub customer: String,
    /// Lines in the order they were scanned.
    pub lines: Vec<ReceiptLine>,
    /// Total.
    pub total: String,
    /// Taxes.
    pub taxes: Vec<TaxRow>,
    /// Given in cash; empty when not paid in cash.
    pub cash_given: String,
    /// Rounding to the smallest coin; empty when none.
    pub rounding: String,
    /// Change to give back; empty when none.
    pub change: String,
    /// To be paid on delivery instead of now.
    pub is_due_on_delivery: bool,
    /// Delivery address in one line each; empty when carried.
    pub delivery: Vec<String>,
    /// Delivery slot; empty when carried.
    pub slot: String,
    /// Text of the code that proves the receipt, and its modules row by row (`#` dark), for drawing.
    pub code_text: String,
    /// Rows of the QR code.
    pub code_rows: Vec<String>,
    /// The printer said it printed.
    pub is_printed: bool,
}

/// One delivery slot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SlotRow {
    /// Day, formatted.
    pub day: String,
    /// From–to, formatted.
    pub hours: String,
    /// Fee, formatted; empty when free.
    pub fee: String,
    /// Chosen.
    pub is_chosen: bool,
}

/// View `delivery`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeliveryScreen {
    /// Known addresses of the customer, one line each.
    pub addresses: Vec<String>,
    /// Position of the chosen one, or -1 while one is typed.
    pub address_chosen: i32,
    /// Recipient.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// Postal code.
    pub postal_code: String,
    /// Town.
    pub city: String,
    /// Phone.
    pub phone: String,
    /// Words for the driver.
    pub note: String,
    /// Offered slots.
    pub slots: Vec<SlotRow>,
    /// Goods without the fee.
    pub goods: String,
    /// Fee of the chosen slot.
    pub fee: String,
    /// To pay on delivery.
    pub total: String,
    /// The first field that is missing, kebab-case key such as `street`; empty when complete.
    pub missing: String,
    /// All is there; the order can be placed.
    pub is_complete: bool,
}

/// One feed of the sync view.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FeedRow {
    /// Key of the feed: `config`, `catalogue`, `customers`, `history`, `stock`.
    pub feed: String,
    /// Rows held here, formatted.
    pub rows: String,
    /// First sync in percent.
    pub percent: u32,
    /// When it last moved, formatted.
    pub as_of: String,
}

/// An event that central refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RefusedRow {
    /// Order number, or event type.
    pub title: String,
    /// Stable reason code of central.
    pub reason: String,
    /// When.
    pub time: String,
}

/// View `sync`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SyncScreen {
    /// Address of central.
    pub central: String,
    /// When central last answered, formatted; empty when never.
    pub last_contact: String,
    /// Events waiting.
    pub waiting: u32,
    /// Age of the oldest one in minutes.
    pub oldest_minutes: u32,
    /// Acknowledged events in all, with grouping.
    pub acknowledged: String,
    /// What a person should know first: the last transport problem; without one, that the clock is wrong.
    pub problem: Option<Message>,
    /// This device's clock is wrong, also while there is a transport problem.
    pub clock: Option<Message>,
    /// Feeds in the order of their priority.
    pub feeds: Vec<FeedRow>,
    /// Refused events.
    pub refused: Vec<RefusedRow>,
    /// A try is running.
    pub is_busy: bool,
    /// The line is cut on purpose.
    pub is_cut: bool,
}

/// View `recovery`: what became of a damaged memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecoveryScreen {
    /// There was a recovery that nobody has called settled yet.
    pub is_open: bool,
    /// When it was, formatted.
    pub at: String,
    /// Orders found.
    pub orders: u32,
    /// Entries found that had to be sent still.
    pub waiting: u32,
    /// Entries that could not be read and that central may lack.
    pub missing: u32,
    /// The last entries may be missing too; nobody can tell how many.
    pub has_open_end: bool,
    /// Articles that can be sold, formatted.
    pub articles: String,
    /// Where the damaged file is kept.
    pub file: String,
    /// The device knows which terminal it is.
    pub is_enrolled: bool,
    /// The person signed in may call it settled.
    pub can_acknowledge: bool,
    /// Central does not admit this terminal without a new code.
    pub needs_enrolment: bool,
    /// The person signed in may enrol it again.
    pub may_enrol_again: bool,
}

/// What is known of the stock of a counted line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StockState {
    /// It is not shown: who counts must not know what to find.
    #[default]
    Hidden,
    /// As much as was counted.
    Equal,
    /// More or less than was counted.
    Differs,
    /// Central said nothing of it.
    Unknown,
    /// It is kept in another unit than was counted.
    OtherUnit,
}

/// One line of the counted list, formatted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CountRow {
    /// Identity, as text.
    pub id: String,
    /// Article name.
    pub name: String,
    /// Number under the bars, as a person reads it; empty where none was read.
    pub code: String,
    /// Counted, with unit: `2`, `0.35 kg`.
    pub quantity: String,
    /// Counted, as an integer of its unit.
    pub quantity_value: i64,
    /// Whether the stepper makes sense (pieces).
    pub is_countable: bool,
    /// What is known of the stock.
    pub state: StockState,
    /// Known stock, with unit; empty where it is hidden or not known.
    pub stock: String,
    /// Counted minus stock, with sign and unit; empty where there is none to tell.
    pub difference: String,
    /// Changed by the last intent (the line glows once).
    pub is_fresh: bool,
}

/// View `count`; empty while another view is in front.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CountScreen {
    /// One page: newest first, or while comparing what differs first.
    pub lines: Vec<CountRow>,
    /// Which page, from 0.
    pub page: u32,
    /// How many pages there are.
    pub page_count: u32,
    /// Lines on the whole list.
    pub article_count: u32,
    /// Pieces on the whole list; packs of what is weighed.
    pub piece_count: u32,
    /// Who began the list; empty before.
    pub begun_by: String,
    /// When, formatted.
    pub begun_at: String,
    /// Somebody else than the person signed in began it.
    pub is_of_other: bool,
    /// There is a step to take back.
    pub can_undo: bool,
    /// Stock and differences are shown.
    pub is_comparing: bool,
    /// Lines that differ from the stock; 0 while not comparing.
    pub differs: u32,
    /// Lines that cannot be compared; 0 while not comparing.
    pub unknown: u32,
    /// There is a camera that can look at everything in view.
    pub can_take_picture: bool,
    /// A picture was asked for and has not come yet.
    pub is_looking: bool,
    /// Only pictures count: the aimed camera does not ring.
    pub is_all_in_view: bool,
    /// The picture that stands still, with what became of each pack in it.
    pub picture: Option<CountPicture>,
    /// The list is on its way to paper.
    pub is_printing: bool,
}
