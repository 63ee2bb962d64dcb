//! What a person, a scanner or a script asks of the terminal: the only way into the view-models.
//!
//! The window and `crossroads drive` speak this same language, so whatever a finger can do a script can do.
//! Amounts arrive as key presses or as minor units, never as floats (invariant 7).

use domain::code::Code;
use domain::id::{ArticleId, BasketId, CustomerId, LineId, StaffId};

/// The screens of the terminal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// The device does not belong to a store yet.
    #[default]
    Enrol,
    /// Who is holding it?
    SignIn,
    /// Scan, basket, total.
    Sell,
    /// Find an article by name or number.
    Articles,
    /// Find a customer.
    Customers,
    /// One customer: card, history.
    Customer,
    /// Take money.
    Pay,
    /// The proof of a paid or placed order.
    Receipt,
    /// Address and slot of a home delivery.
    Delivery,
    /// What was sent, what waits, what was refused.
    Sync,
    /// Language, theme, sound, hand.
    Settings,
    /// What became of a damaged memory.
    Recovery,
    /// Count goods.
    Count,
}

/// Who holds the terminal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Advises on the floor.
    Associate,
    /// Takes money at checkout.
    #[default]
    Cashier,
    /// Scans at the shelf into a basket delivered home; sees no other customer and needs a PIN to leave.
    Customer,
}

/// The shipped languages of the user interface.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// German.
    #[serde(rename = "de")]
    German,
    /// Simplified Chinese.
    #[serde(rename = "zh-Hans")]
    SimplifiedChinese,
    /// Traditional Chinese.
    #[serde(rename = "zh-Hant")]
    TraditionalChinese,
}

/// One request to the view-models.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Opens a view that needs no further argument.
    Open(View),
    /// One step back, without losing anything that was entered.
    Back,
    /// Hands the terminal over. Into `Customer` it needs nothing, out of it a PIN (`SignIn`).
    SetRole(Role),
    /// Changes the language of every text at once.
    SetLanguage(Language),
    /// Dark or light.
    SetDark(bool),
    /// Sound on or off.
    SetSound(bool),
    /// The main button at the left, or at the right.
    SetLeftHanded(bool),
    /// Keyboard on the screen, or one on the desk.
    SetKeyboard(bool),
    /// Takes the message bar away.
    DismissMessage,

    /// Enrols this device with the one-time code shown by central.
    Enrol {
        /// Base address of central, `http://…` or `https://…`.
        central: String,
        /// The one-time code, as typed or scanned.
        code: String,
    },

    /// Chooses who signs in (a chip on the sign-in view).
    ChooseStaff(StaffId),
    /// One digit of the PIN; the last one signs in by itself.
    PinDigit(u8),
    /// Takes the last digit back.
    PinErase,
    /// The whole PIN at once (scripts).
    SignIn {
        /// Staff number as shown on the chip; `None` for the chosen one.
        staff: Option<String>,
        /// The digits.
        pin: String,
    },
    /// Ends the shift of the person signed in.
    SignOut,

    /// A code read by any scanner.
    Scanned(Code),
    /// Another symbol of the pack that was just scanned: it rings nothing, but may say that the pack is over its date.
    ScannedSamePack(Code),
    /// A code typed by hand.
    Typed(String),
    /// Sets a line's quantity in its unit (pieces, g, ml, mm).
    SetQuantity(LineId, i64),
    /// One more, one less.
    StepQuantity(LineId, i64),
    /// Takes a line out of the basket; `Undo` brings it back.
    RemoveLine(LineId),
    /// Takes the last change of the basket back.
    Undo,
    /// Puts the basket aside.
    Park,
    /// Takes a parked basket up again.
    Resume(BasketId),
    /// Empties the basket (the one question that is asked twice is asked by the view).
    ClearBasket,
    /// What is typed in the article search.
    ArticleQuery(String),
    /// Puts an article into the basket.
    AddArticle(ArticleId),

    /// What is typed in the customer search.
    CustomerQuery(String),
    /// Shows a customer's card and history.
    OpenCustomer(CustomerId),
    /// The basket is this customer's.
    AttachCustomer(CustomerId),
    /// The basket is nobody's again.
    DetachCustomer,
    /// Older purchases.
    HistoryMore,

    /// Opens the tender view for the basket.
    Pay,
    /// One digit of the amount given.
    CashDigit(u8),
    /// Two zeros.
    CashDoubleZero,
    /// Takes the last digit of the amount back.
    CashErase,
    /// One of the offered amounts (exact, next notes), by position.
    CashQuick(usize),
    /// Takes the amount entered as cash; when it covers the rest, the order is paid.
    TakeCash,
    /// Cash of this many minor units at once (scripts).
    Cash(i64),
    /// Back to the basket; nothing was taken.
    CancelPay,

    /// Prints the receipt on show.
    PrintReceipt,
    /// Clears the table for the next sale.
    NewSale,

    /// Opens the delivery view for the basket.
    Deliver,
    /// Text typed into one field of the delivery view.
    DeliveryField(DeliveryField, String),
    /// One of the customer's known addresses, by position.
    ChooseAddress(usize),
    /// One of the offered slots, by position.
    ChooseSlot(usize),
    /// Places the delivery order; it is paid on delivery.
    ConfirmDelivery,

    /// Tries to reach central now.
    SyncNow,
    /// Cuts (or mends) the line to central, for training and tests.
    CutLine(bool),
    /// A person has read what became of the damaged memory, and it is settled.
    AcknowledgeRecovery,
    /// Calls a member of staff to the customer.
    CallStaff,

    /// Something of the counted list.
    Count(CountAsk),
}

/// What is asked of the counted list; goods are counted by [`Intent::Scanned`] while its view is in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountAsk {
    /// Sets how much was counted of a line, in its unit; zero is a count too.
    Set(LineId, i64),
    /// One more, one less.
    Step(LineId, i64),
    /// Takes a line off the list; `Undo` brings it back.
    Remove(LineId),
    /// Takes the last scan, picture or correction back.
    Undo,
    /// Shows the known stock and what differs from it, or the plain list again.
    Compare(bool),
    /// Shows a page of the list; 0 is the newest.
    Page(usize),
    /// Prints the list as it is shown.
    Print,
    /// Throws the list away (the view asks whether that is meant).
    Empty,
    /// Counts everything that the camera has in view. From now on an aimed camera counts nothing by itself: what it
    /// passes on the way to the next picture would count twice.
    TakePicture,
    /// The aimed camera counts one by one again.
    OneByOne,
    /// Takes the picture away: the camera is live again.
    DropPicture,
}

/// The fields of the delivery view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryField {
    /// Who receives it.
    Name,
    /// Street and number.
    Street,
    /// Postal code.
    PostalCode,
    /// Town.
    City,
    /// Phone for the driver.
    Phone,
    /// Free words for the driver.
    Note,
}
