//! The report: counts and totals by terminal, shift, tender and channel, read at one moment.
//!
//! Amounts of different currencies are never added. Orders that terminals told are kept apart from past orders
//! that were there before (a seed, an earlier system), so that both sides of a line can be compared. Every order is in
//! exactly one line of terminals and in one of channels: no sum may leave money out because of who told it.

use crate::db::{id, unsigned};
use crate::error::CentralError;
use crate::feed;
use rusqlite::{Connection, Row};
use serde::Serialize;
use std::collections::BTreeMap;
use sync::protocol::feed::{Feed, StaffRow};
use uuid::Uuid;

/// One terminal in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TerminalTotals {
    /// Short code of the store; absent if central does not know the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Name of the terminal; absent if central does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// Identity, as its events carry it.
    pub id: Uuid,
    /// Current epoch; absent if central does not know the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Events held, of all epochs.
    pub events: u64,
    /// Currency; absent when there is no order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Orders placed.
    pub orders: u64,
    /// Their sum.
    pub total_minor: i64,
    /// Orders paid.
    pub paid_orders: u64,
    /// Sum of the paid orders.
    pub paid_minor: i64,
    /// Tenders kept: given minus change.
    pub tendered_minor: i64,
    /// Cash rounding told.
    pub rounding_minor: i64,
    /// Orders with something to look at.
    pub flagged: u64,
    /// Only of a terminal that central does not know: number of a receipt, which names store and terminal as they
    /// were called when it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// One shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShiftTotals {
    /// Identity.
    pub id: Uuid,
    /// Short code of the store; absent if central does not know the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Name of the terminal; absent if central does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// Identity of the terminal.
    pub terminal_id: Uuid,
    /// Staff number, if the person is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staff: Option<String>,
    /// When it was opened, by the terminal's clock.
    pub opened_ms: i64,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<i64>,
    /// Orders placed in it.
    pub orders: u64,
    /// Their sum.
    pub total_minor: i64,
    /// Cash kept in it.
    pub cash_minor: i64,
    /// What the terminal declared, once closed: whether orders and cash are the same as counted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agrees: Option<bool>,
}

/// One means of payment in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenderTotals {
    /// Kind.
    pub kind: String,
    /// `terminals`: for orders that events told. `history`: for orders that were there before them.
    pub source: &'static str,
    /// Currency.
    pub currency: String,
    /// How many.
    pub count: u64,
    /// Given by customers.
    pub given_minor: i64,
    /// Given back.
    pub change_minor: i64,
    /// What stayed.
    pub kept_minor: i64,
}

/// One channel in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelTotals {
    /// `store`, `web` or `phone`.
    pub channel: String,
    /// `terminals`: told by events. `history`: there before them.
    pub source: &'static str,
    /// Currency.
    pub currency: String,
    /// Orders.
    pub orders: u64,
    /// Their sum.
    pub total_minor: i64,
}

/// What does not count yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeldTotals {
    /// Waiting for a person.
    pub quarantined: u64,
    /// Waiting behind one of those.
    pub parked: u64,
    /// Decided not to count.
    pub dismissed: u64,
}

/// Everything that terminals told, in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Default)]
pub struct GrandTotals {
    /// Orders placed.
    pub orders: u64,
    /// Their sum.
    pub total_minor: i64,
    /// Orders paid.
    pub paid_orders: u64,
    /// Sum of the paid orders.
    pub paid_minor: i64,
    /// Tenders kept.
    pub tendered_minor: i64,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By currency: everything that terminals told.
    pub grand_totals: BTreeMap<String, GrandTotals>,
    /// By store and name.
    pub terminals: Vec<TerminalTotals>,
    /// In the order in which they were opened.
    pub shifts: Vec<ShiftTotals>,
    /// By kind.
    pub tenders: Vec<TenderTotals>,
    /// By channel.
    pub channels: Vec<ChannelTotals>,
    /// What does not count yet.
    pub held_back: HeldTotals,
    /// What a person should look at, by code.
    pub flags: BTreeMap<String, u64>,
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, CentralError> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const fn source(is_told: bool) -> &'static str {
    if is_told { "terminals" } else { "history" }
}

fn terminal(row: &Row<'_>) -> rusqlite::Result<TerminalTotals> {
    Ok(TerminalTotals {
        store: row.get(0)?,
        terminal: row.get(1)?,
        id: id(row, 2)?,
        epoch: row.get(3)?,
        events: unsigned(row, 4)?,
        currency: row.get(5)?,
        orders: unsigned(row, 6)?,
        total_minor: row.get(7)?,
        paid_orders: unsigned(row, 8)?,
        paid_minor: row.get(9)?,
        tendered_minor: row.get(10)?,
        rounding_minor: row.get(11)?,
        flagged: unsigned(row, 12)?,
        receipt: row.get(13)?,
    })
}

fn shifts(connection: &Connection) -> Result<Vec<ShiftTotals>, CentralError> {
    let read = |row: &Row<'_>| {
        let (orders, cash_minor) = (unsigned(row, 6)?, row.get(8)?);
        let declared: Option<(i64, i64)> = match (row.get(9)?, row.get(10)?) {
            (Some(orders), Some(cash)) => Some((orders, cash)),
            _ => None,
        };
        let totals = ShiftTotals {
            id: id(row, 0)?,
            store: row.get(1)?,
            terminal: row.get(2)?,
            terminal_id: id(row, 13)?,
            staff: None,
            opened_ms: row.get(4)?,
            closed_ms: row.get(5)?,
            orders,
            total_minor: row.get(7)?,
            cash_minor,
            agrees: declared.map(|declared| declared == (orders as i64, cash_minor)),
        };
        Ok((totals, id(row, 3)?, row.get::<_, Option<i64>>(12)?))
    };
    let mut shifts = Vec::new();
    for (mut totals, staff, store_no) in
        all(connection, include_str!("sql/report_shifts.sql"), read)?
    {
        if let Some(store_no) = store_no {
            let person = feed::get::<StaffRow>(connection, Feed::Config, store_no, staff)?;
            totals.staff = person.map(|(person, _)| person.number);
        }
        shifts.push(totals);
    }
    Ok(shifts)
}

fn flags(connection: &Connection) -> Result<BTreeMap<String, u64>, CentralError> {
    let sql = "SELECT flags, count(*) FROM orders WHERE flags <> '' GROUP BY flags";
    let mut counts = BTreeMap::new();
    for (codes, count) in all(connection, sql, |row| Ok((row.get(0)?, unsigned(row, 1)?)))? {
        let codes: String = codes;
        for code in codes.split(',') {
            *counts.entry(code.to_owned()).or_default() += count;
        }
    }
    Ok(counts)
}

/// Reads the report; the caller gives a connection that stands still in one transaction.
pub fn read(connection: &Connection) -> Result<Report, CentralError> {
    let terminals = all(connection, include_str!("sql/report_terminals.sql"), terminal)?;
    let mut grand_totals: BTreeMap<String, GrandTotals> = BTreeMap::new();
    for row in &terminals {
        let Some(currency) = &row.currency else { continue };
        let sum = grand_totals.entry(currency.clone()).or_default();
        sum.orders += row.orders;
        sum.total_minor += row.total_minor;
        sum.paid_orders += row.paid_orders;
        sum.paid_minor += row.paid_minor;
        sum.tendered_minor += row.tendered_minor;
    }
    let tenders = all(connection, include_str!("sql/report_tenders.sql"), |row| {
        let (given_minor, change_minor): (i64, i64) = (row.get(3)?, row.get(4)?);
        Ok(TenderTotals {
            kind: row.get(0)?,
            source: source(row.get(5)?),
            currency: row.get(1)?,
            count: unsigned(row, 2)?,
            given_minor,
            change_minor,
            kept_minor: given_minor - change_minor,
        })
    })?;
    let channels = all(connection, include_str!("sql/report_channels.sql"), |row| {
        Ok(ChannelTotals {
            channel: row.get(0)?,
            source: source(row.get(1)?),
            currency: row.get(2)?,
            orders: unsigned(row, 3)?,
            total_minor: row.get(4)?,
        })
    })?;
    let sql = "SELECT coalesce(sum(state = 'quarantined'), 0), coalesce(sum(state = 'parked'), 0),
               coalesce(sum(state = 'dismissed'), 0) FROM inbox WHERE state <> 'applied'";
    let held_back = connection.query_row(sql, [], |row| {
        Ok(HeldTotals {
            quarantined: unsigned(row, 0)?,
            parked: unsigned(row, 1)?,
            dismissed: unsigned(row, 2)?,
        })
    })?;
    let (shifts, flags) = (shifts(connection)?, flags(connection)?);
    Ok(Report { grand_totals, terminals, shifts, tenders, channels, held_back, flags })
}

fn amount(minor: i64, currency: &str) -> String {
    match currency.parse::<domain::Currency>() {
        Ok(currency) => domain::Money::new(minor, currency).to_string(),
        Err(_) => format!("{minor} {currency}"),
    }
}

/// A terminal as people call it; one that is not known here by its identity.
fn called(store: Option<&str>, terminal: Option<&str>, id: Uuid) -> String {
    match (store, terminal) {
        (Some(store), Some(terminal)) => format!("{store}-{terminal}"),
        _ => id.to_string(),
    }
}

fn terminal_in_words(row: &TerminalTotals) -> String {
    let currency = row.currency.as_deref().unwrap_or_default();
    let total = if row.orders == 0 { String::new() } else { amount(row.total_minor, currency) };
    let which = match (row.epoch, row.receipt.as_deref()) {
        (Some(epoch), _) => format!("epoch {epoch}"),
        (None, Some(receipt)) => format!("that is not known here (receipt {receipt})"),
        (None, None) => "that is not known here".into(),
    };
    format!(
        "terminal {} {which}: {} events, {} orders {total}, {} paid, {} to look at",
        called(row.store.as_deref(), row.terminal.as_deref(), row.id),
        row.events,
        row.orders,
        row.paid_orders,
        row.flagged
    )
}

/// The report for people.
pub fn in_words(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    for (currency, sum) in &report.grand_totals {
        line(format!(
            "all terminals: {} orders, {}; {} paid, {}; {} in tenders",
            sum.orders,
            amount(sum.total_minor, currency),
            sum.paid_orders,
            amount(sum.paid_minor, currency),
            amount(sum.tendered_minor, currency)
        ));
    }
    for row in &report.terminals {
        line(terminal_in_words(row));
    }
    for row in &report.shifts {
        let state = match row.agrees {
            None => "open",
            Some(true) => "closed, as declared",
            Some(false) => "closed, DIFFERS from what was declared",
        };
        let staff = row.staff.as_deref().unwrap_or("unknown");
        line(format!(
            "shift of {staff} on {}: {} orders, {state}",
            called(row.store.as_deref(), row.terminal.as_deref(), row.terminal_id),
            row.orders
        ));
    }
    for row in &report.tenders {
        let source = if row.source == "history" { " (history)" } else { "" };
        line(format!(
            "tender {}{source}: {} times, {} kept",
            row.kind,
            row.count,
            amount(row.kept_minor, &row.currency)
        ));
    }
    for row in &report.channels {
        let total = amount(row.total_minor, &row.currency);
        line(format!("channel {} ({}): {} orders, {total}", row.channel, row.source, row.orders));
    }
    for (flag, count) in &report.flags {
        line(format!("to look at: {flag} on {count} orders"));
    }
    let held = report.held_back;
    line(format!(
        "held back: {} quarantined, {} parked behind them; {} dismissed",
        held.quarantined, held.parked, held.dismissed
    ));
    text
}
