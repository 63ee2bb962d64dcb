//! `crossroads drive`: the same view-models without a window, driven by JSON lines on standard input and
//! answering with JSON lines on standard output. The commands are listed in `docs/DRIVE.md`.
//!
//! One line, one command, one answer, in order. An answer tells the view, the message bar and the part of the
//! screen that the view shows; `ok` is false when the terminal said no or the command was not understood.

use crossroads::app::count_picture::{SeenCode, SeenPicture};
use crossroads::app::intent::{CountAsk, DeliveryField, Intent, Language, Role, View};
use crossroads::app::screen::{Message, ScanOutcome, Screen, Severity};
use crossroads::app::terminal::{Input, Terminal};
use domain::code::{Code, Symbology};
use domain::time::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// One command; `do` names it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Enrols this device; waits for central's answer.
    Enrol {
        /// Base address of central.
        central: String,
        /// One-time code.
        code: String,
    },
    /// Signs in with a PIN.
    SignIn {
        /// Staff number; the last user without it.
        staff: Option<String>,
        /// Digits.
        pin: String,
    },
    /// Ends the shift.
    SignOut,
    /// A scanned code.
    Scan {
        /// Text as read.
        text: String,
        /// Name of the symbology; guessed from the text without it.
        symbology: Option<String>,
    },
    /// A code typed by hand.
    Type {
        /// Text.
        text: String,
    },
    /// Sets the quantity of a line.
    Quantity {
        /// Position on the screen, 0 is the newest.
        line: usize,
        /// Pieces, g, ml or mm.
        value: i64,
    },
    /// Takes a line out.
    Remove {
        /// Position on the screen.
        line: usize,
    },
    /// Takes the last change back.
    Undo,
    /// Empties the basket.
    Clear,
    /// Puts the basket aside.
    Park,
    /// Takes a parked basket up.
    Resume {
        /// Position in the list of parked baskets; the newest without it.
        #[serde(default)]
        position: usize,
    },
    /// Searches articles.
    FindArticle {
        /// What is typed.
        query: String,
    },
    /// Adds an article of the search.
    Add {
        /// Position in the list.
        position: usize,
    },
    /// Searches customers.
    FindCustomer {
        /// What is typed.
        query: String,
    },
    /// Opens a customer of the search.
    Customer {
        /// Position in the list.
        #[serde(default)]
        position: usize,
    },
    /// The basket is the open customer's.
    Attach,
    /// The basket is nobody's.
    Detach,
    /// Older purchases.
    HistoryMore,
    /// Opens the tender view.
    Pay,
    /// Takes cash.
    Cash {
        /// Minor units; the exact amount without it.
        minor: Option<i64>,
    },
    /// Leaves the tender view.
    Cancel,
    /// Prints the receipt.
    Print,
    /// Clears the table.
    NewSale,
    /// Opens the delivery view.
    Deliver,
    /// Fills one field of the delivery view.
    Field {
        /// Which.
        field: DeliveryField,
        /// Text.
        text: String,
    },
    /// Chooses a known address.
    Address {
        /// Position.
        position: usize,
    },
    /// Chooses a slot.
    Slot {
        /// Position.
        position: usize,
    },
    /// Places the delivery order.
    Confirm,
    /// Hands the terminal to a role.
    Role {
        /// Which.
        role: Role,
    },
    /// Switches the language.
    Language {
        /// Which.
        language: Language,
    },
    /// Dark or light.
    Dark {
        /// On.
        on: bool,
    },
    /// The main button at the left.
    LeftHanded {
        /// On.
        on: bool,
    },
    /// The keyboard on the screen.
    Keyboard {
        /// On.
        on: bool,
    },
    /// Opens a view.
    Open {
        /// Which.
        view: View,
    },
    /// One step back.
    Back,
    /// Takes the message away.
    Dismiss,
    /// Cuts or mends the line to central.
    Cut {
        /// Cut.
        on: bool,
    },
    /// Sets how much was counted of a line.
    CountQuantity {
        /// Position on the page, 0 is the first.
        line: usize,
        /// Pieces, g, ml or mm; zero is a count too.
        value: i64,
    },
    /// One more or one less of a line.
    CountStep {
        /// Position on the page.
        line: usize,
        /// How many more; fewer where negative.
        by: i64,
    },
    /// Takes a line off the list.
    CountRemove {
        /// Position on the page.
        line: usize,
    },
    /// Takes the last scan, picture or correction of the list back.
    CountUndo,
    /// Shows stock and differences, or the plain list again.
    CountCompare {
        /// On.
        on: bool,
    },
    /// Shows a page of the list.
    CountPage {
        /// Which, from 0.
        page: usize,
    },
    /// Prints the list.
    CountPrint,
    /// Throws the list away.
    CountEmpty,
    /// A picture in which these packs were read, as the shutter brings it.
    CountPicture {
        /// Their codes as a scanner sends them: the same in five places is there five times.
        packs: Vec<String>,
        /// Further codes.
        #[serde(default)]
        others: Vec<String>,
    },
    /// What became of a damaged memory is settled.
    AcknowledgeRecovery,
    /// Tries to reach central now.
    Sync,
    /// Waits until something is so.
    Wait {
        /// What.
        until: Until,
        /// Milliseconds; 30,000 without it.
        timeout_ms: Option<u64>,
    },
    /// The status strip and what the database counts.
    Status,
    /// The whole screen.
    Screen,
    /// Ends the session.
    Quit,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// The store's configuration is here: people can sign in.
    Config,
    /// The first articles are here: selling is possible.
    Articles,
    /// The first sync is complete.
    FirstSync,
    /// Nothing waits for central.
    OutboxEmpty,
    /// Central answers.
    Online,
    /// Central does not answer.
    Offline,
}

/// The answer to a command.
#[derive(Clone, Debug, Serialize)]
pub struct Reply {
    /// Done, and nothing was refused.
    pub ok: bool,
    /// View in front.
    pub view: View,
    /// Message bar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// Why the command was not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the view shows.
    pub data: Value,
}

/// Executes commands against the view-models on the calling thread.
pub struct Driver {
    /// The session.
    pub terminal: Terminal,
    inputs: Receiver<Input>,
    clock: Arc<dyn Clock>,
}

/// How long a command that asks central waits for the answer.
const ANSWER_MS: u64 = 30_000;
/// Messages that say no without anything being wrong.
const REFUSALS: [&str; 6] = [
    "not-allowed-in-role",
    "count-nothing-to-print",
    "count-printer-missing",
    "count-print-failed",
    "count-no-camera",
    "count-picture-missed",
];
/// How often a wait looks again.
const PUMP: Duration = Duration::from_millis(20);

impl Driver {
    /// A driver for a session; `inputs` carries what sync, printer and camera answer.
    pub fn new(terminal: Terminal, inputs: Receiver<Input>, clock: Arc<dyn Clock>) -> Self {
        Self { terminal, inputs, clock }
    }

    /// Reads, executes and answers one line.
    pub fn line(&mut self, line: &str) -> Reply {
        match serde_json::from_str::<Command>(line) {
            Ok(command) => self.execute(&command),
            Err(error) => self.refuse(format!("not a command: {error}")),
        }
    }

    fn refuse(&mut self, error: String) -> Reply {
        let view = self.terminal.screen().view;
        Reply { ok: false, view, message: None, error: Some(error), data: Value::Null }
    }

    /// Takes in what arrived meanwhile, without waiting.
    pub fn pump(&mut self) {
        while let Ok(input) = self.inputs.try_recv() {
            self.terminal.handle(input);
        }
        self.terminal.handle(Input::Tick);
    }

    /// Pumps until `done` or the time is up; true when done.
    pub fn wait(&mut self, timeout_ms: u64, mut done: impl FnMut(&Terminal) -> bool) -> bool {
        let end = self.clock.monotonic_ms().saturating_add(timeout_ms);
        loop {
            self.pump();
            if done(&self.terminal) {
                return true;
            }
            if self.clock.monotonic_ms() >= end {
                return false;
            }
            match self.inputs.recv_timeout(PUMP) {
                Ok(input) => self.terminal.handle(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(PUMP),
            }
        }
    }

    /// Executes one command.
    pub fn execute(&mut self, command: &Command) -> Reply {
        self.pump();
        // What was said before is not an answer to this command.
        self.terminal.handle(Input::Intent(Intent::DismissMessage));
        let outcome_serial = self.terminal.screen().sell.outcome_serial;
        match self.perform(command) {
            Ok(is_done) => self.reply(command, is_done, outcome_serial),
            Err(error) => self.refuse(error),
        }
    }

    /// `outcome_serial` is that before the command.
    fn reply(&mut self, command: &Command, is_done: bool, outcome_serial: u32) -> Reply {
        let screen = self.terminal.screen();
        let is_error =
            screen.message.as_ref().is_some_and(|message| message.severity == Severity::Error);
        // Some codes are refused with a warning only: nothing is wrong with the till, and yet nothing was added.
        let is_scan = matches!(command, Command::Scan { .. } | Command::Type { .. });
        let is_nothing = matches!(screen.sell.outcome, ScanOutcome::Unknown | ScanOutcome::Refused);
        let is_new = screen.sell.outcome_serial != outcome_serial;
        let says_no = screen
            .message
            .as_ref()
            .is_some_and(|message| REFUSALS.contains(&message.code.as_str()));
        let is_refused = is_error || says_no || (is_scan && is_new && is_nothing);
        let data = match command {
            Command::Status => self.status(&screen),
            Command::Screen => value(&screen),
            _ => view_data(&screen),
        };
        let ok = is_done && !is_refused;
        Reply { ok, view: screen.view, message: screen.message, error: None, data }
    }

    fn status(&self, screen: &Screen) -> Value {
        let totals = self.terminal.store().totals().ok().map(|totals| {
            let plain = |sums: &[domain::money::Money]| -> Vec<String> {
                sums.iter().map(|money| money.to_string()).collect()
            };
            json!({
                "orders": totals.orders,
                "paid_orders": totals.paid_orders,
                "total": plain(&totals.total_by_currency),
                "tendered": plain(&totals.tendered_by_currency),
            })
        });
        json!({ "status": screen.status, "totals": totals })
    }

    fn intent(&mut self, intent: Intent) -> Result<bool, String> {
        self.terminal.handle(Input::Intent(intent));
        Ok(true)
    }

    fn perform(&mut self, command: &Command) -> Result<bool, String> {
        let screen = || self.terminal.screen();
        let intent = match command.clone() {
            Command::Enrol { central, code } => return self.enrol(central, code),
            Command::Wait { until, timeout_ms } => {
                let timeout_ms = timeout_ms.unwrap_or(ANSWER_MS);
                return Ok(self.wait(timeout_ms, |terminal| is_so(terminal, until)));
            }
            Command::Status | Command::Screen | Command::Quit => return Ok(true),
            Command::SignIn { staff, pin } => Intent::SignIn { staff, pin },
            Command::SignOut => Intent::SignOut,
            Command::Scan { text, symbology } => Intent::Scanned(code(&text, symbology)?),
            Command::Type { text } => Intent::Typed(without_identifier(text)),
            Command::Quantity { line, value } => {
                Intent::SetQuantity(nth(&screen().sell.lines, line, |row| &row.id)?, value)
            }
            Command::Remove { line } => {
                Intent::RemoveLine(nth(&screen().sell.lines, line, |row| &row.id)?)
            }
            Command::Undo => Intent::Undo,
            Command::Clear => Intent::ClearBasket,
            Command::Park => Intent::Park,
            Command::Resume { position } => {
                Intent::Resume(nth(&screen().sell.parked, position, |row| &row.id)?)
            }
            Command::FindArticle { query } => {
                self.intent(Intent::Open(View::Articles))?;
                Intent::ArticleQuery(query)
            }
            Command::Add { position } => {
                Intent::AddArticle(nth(&screen().articles.rows, position, |row| &row.id)?)
            }
            Command::FindCustomer { query } => {
                self.intent(Intent::Open(View::Customers))?;
                Intent::CustomerQuery(query)
            }
            Command::Customer { position } => {
                Intent::OpenCustomer(nth(&screen().customers.rows, position, |row| &row.id)?)
            }
            Command::Attach => {
                let id = screen().customer.id;
                Intent::AttachCustomer(id.parse().map_err(|_| "no customer is open".to_owned())?)
            }
            Command::Detach => Intent::DetachCustomer,
            Command::HistoryMore => Intent::HistoryMore,
            Command::Pay => Intent::Pay,
            Command::Cash { minor: Some(minor) } => Intent::Cash(minor),
            Command::Cash { minor: None } => Intent::CashQuick(0),
            Command::Cancel => Intent::CancelPay,
            Command::Print => Intent::PrintReceipt,
            Command::NewSale => Intent::NewSale,
            Command::Deliver => Intent::Deliver,
            Command::Field { field, text } => Intent::DeliveryField(field, text),
            Command::Address { position } => Intent::ChooseAddress(position),
            Command::Slot { position } => Intent::ChooseSlot(position),
            Command::Confirm => Intent::ConfirmDelivery,
            Command::Role { role } => Intent::SetRole(role),
            Command::Language { language } => Intent::SetLanguage(language),
            Command::Dark { on } => Intent::SetDark(on),
            Command::LeftHanded { on } => Intent::SetLeftHanded(on),
            Command::Keyboard { on } => Intent::SetKeyboard(on),
            Command::Open { view } => Intent::Open(view),
            Command::Back => Intent::Back,
            Command::Dismiss => Intent::DismissMessage,
            Command::Cut { on } => Intent::CutLine(on),
            Command::CountQuantity { line, value } => Intent::Count(CountAsk::Set(
                nth(&screen().count.lines, line, |row| &row.id)?,
                value,
            )),
            Command::CountStep { line, by } => {
                Intent::Count(CountAsk::Step(nth(&screen().count.lines, line, |row| &row.id)?, by))
            }
            Command::CountRemove { line } => {
                Intent::Count(CountAsk::Remove(nth(&screen().count.lines, line, |row| &row.id)?))
            }
            Command::CountUndo if !screen().count.can_undo => return Ok(false),
            Command::CountUndo => Intent::Count(CountAsk::Undo),
            Command::CountCompare { on } => Intent::Count(CountAsk::Compare(on)),
            Command::CountPage { page } => Intent::Count(CountAsk::Page(page)),
            Command::CountPrint => {
                self.intent(Intent::Count(CountAsk::Print))?;
                return Ok(self.wait(ANSWER_MS, |terminal| !terminal.screen().count.is_printing));
            }
            Command::CountEmpty => Intent::Count(CountAsk::Empty),
            Command::CountPicture { packs, others } => return self.picture(&packs, &others),
            Command::AcknowledgeRecovery => Intent::AcknowledgeRecovery,
            Command::Sync => Intent::SyncNow,
        };
        self.intent(intent)
    }

    /// Here there is no camera, so a picture comes at once, and nobody knows where its packs stand.
    fn picture(&mut self, packs: &[String], others: &[String]) -> Result<bool, String> {
        let seen = |texts: &[String]| -> Result<Vec<SeenCode>, String> {
            texts
                .iter()
                .map(|text| Ok(SeenCode { code: code(text, None)?, corners: None }))
                .collect()
        };
        let picture = SeenPicture { packs: seen(packs)?, others: seen(others)? };
        let camera = self.terminal.screen().status.camera;
        self.terminal.handle(Input::Camera("replay".to_owned()));
        self.intent(Intent::Count(CountAsk::TakePicture))?;
        self.terminal.handle(Input::Camera(camera));
        self.terminal.handle(Input::Picture(picture));
        Ok(self.terminal.screen().count.picture.is_some())
    }

    fn enrol(&mut self, central: String, code: String) -> Result<bool, String> {
        self.intent(Intent::Enrol { central, code })?;
        Ok(self.wait(ANSWER_MS, |terminal| !terminal.screen().enrol.is_busy))
    }
}

/// The code that a scanner would have sent. One that is set to say what it read puts an AIM identifier in front, which
/// is no part of the text.
fn code(text: &str, symbology: Option<String>) -> Result<Code, String> {
    let Some(name) = symbology else {
        let read = || scan::wedge::read(text);
        let identified = text.starts_with(']').then(read).flatten();
        return Ok(identified.unwrap_or_else(|| Code::new(Symbology::Unspecified, text)));
    };
    let symbology = Symbology::from_name(&name);
    symbology.map(|found| Code::new(found, text)).ok_or(format!("`{name}` is no symbology"))
}

/// What stands behind an AIM identifier: a scanner that types sends it too, and no person does.
fn without_identifier(text: String) -> String {
    let is_identified = text.trim_start().starts_with(']');
    let read = is_identified.then(|| scan::wedge::read(text.trim())).flatten();
    read.map_or(text, |code| code.text)
}

/// The identity of the row at a position.
fn nth<R, I: std::str::FromStr>(
    rows: &[R],
    position: usize,
    id: impl Fn(&R) -> &String,
) -> Result<I, String> {
    let row = rows.get(position).ok_or(format!("there is no row {position}"))?;
    id(row).parse().map_err(|_| format!("row {position} has no identity"))
}

fn is_so(terminal: &Terminal, until: Until) -> bool {
    use crossroads::app::screen::Line;
    let status = terminal.screen().status;
    match until {
        Until::Config => matches!(terminal.store().staff(), Ok(staff) if !staff.is_empty()),
        Until::Articles => {
            matches!(terminal.store().search_articles("", 1), Ok(rows) if !rows.is_empty())
        }
        Until::FirstSync => status.first_sync_percent >= 100,
        Until::OutboxEmpty => status.waiting == 0,
        Until::Online => status.line == Line::Online,
        Until::Offline => matches!(status.line, Line::Offline | Line::Troubled),
    }
}

fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or(Value::Null)
}

/// The part of the screen that its view shows.
fn view_data(screen: &Screen) -> Value {
    match screen.view {
        View::Enrol => value(&screen.enrol),
        View::SignIn => value(&screen.sign_in),
        View::Sell => value(&screen.sell),
        View::Articles => value(&screen.articles),
        View::Customers => value(&screen.customers),
        View::Customer => value(&screen.customer),
        View::Pay => value(&screen.pay),
        View::Receipt => value(&screen.receipt),
        View::Delivery => value(&screen.delivery),
        View::Sync => value(&screen.sync),
        View::Settings => json!({}),
        View::Recovery => value(&screen.recovery),
        View::Count => value(&screen.count),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// One line, one case: what a scanner sends, how it is called, how it is read, what is looked up.
    #[test]
    fn codes_come_as_scanners_send_them() {
        const MILK: &str = "9520000000011";
        for (sent, called, symbology, text) in [
            ("]E09520000000011", None, Symbology::Ean13, MILK),
            ("]E09520000000011\r\n", None, Symbology::Ean13, MILK),
            ("]C10109520000000011", None, Symbology::Gs1128, "0109520000000011"),
            ("]d2\u{1d}0109520000000011", None, Symbology::Gs1DataMatrix, "0109520000000011"),
            ("]Q1XR1:R:7", None, Symbology::QrCode, "XR1:R:7"),
            (MILK, None, Symbology::Unspecified, MILK),
            ("]?0what", None, Symbology::Unspecified, "]?0what"),
            ("]E0", None, Symbology::Unspecified, "]E0"),
            ("", None, Symbology::Unspecified, ""),
            // Who names the symbology has taken the identifier off.
            (MILK, Some("EAN-13"), Symbology::Ean13, MILK),
        ] {
            let code = code(sent, called.map(str::to_owned)).unwrap();
            assert_eq!((code.symbology, code.text.as_str()), (symbology, text), "{sent:?}");
        }
        assert!(code(MILK, Some("Morse".into())).is_err());
        for (typed, text) in [("]E09520000000011", MILK), (" 95 ", " 95 "), ("]?0what", "]?0what")]
        {
            assert_eq!(without_identifier(typed.to_owned()), text);
        }
    }
}
