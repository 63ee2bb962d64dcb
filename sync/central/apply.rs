//! Applying events: what a fact means for orders, tenders, shifts, stock and history.
//!
//! What happened in the shop is never rejected (invariant 6): differences are flagged on the order for a person,
//! and only what cannot be understood or contradicts itself is refused, which quarantines the event. Every refusal
//! is a [`Verdict`]; the caller undoes what was written before it.

use crate::db::{blob, id};
use crate::error::CentralError;
use crate::feed::{self, EVERYBODY, Put};
use crate::push::Sender;
use domain::basket::{Basket, Line};
use domain::code::{VariableMeasureTemplate, interpret_restricted};
use domain::event::Event;
use domain::id::{ArticleId, BasketId, OrderId, ShiftId, StaffId};
use domain::merge::stock::{after_move, taken_by};
use domain::money::{Currency, Money};
use domain::order::{Channel, Order};
use domain::pricing::{self, PricingError, TaxTable};
use domain::tax::{PriceTreatment, TaxGroup, TaxRate};
use domain::tender::Tender;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::event::{DecodeError, Envelope};
use sync::protocol::feed::{ArticleRow, Feed, HistoryLineRow, HistoryRow, StockRow, StoreRow};
use sync::protocol::order::OrderPlacedBody;
use uuid::Uuid;

/// Where an event came from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its row in the inbox.
    pub inbox_id: i64,
    /// Whose it is.
    pub sender: Sender,
    /// When it counts as having happened ([`crate::clock`]).
    pub business_ms: i64,
    /// That is not what the device's clock said.
    pub is_clamped: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Applied,
    /// It cannot count as it is; the code says why.
    Refused(&'static str),
}

/// What a person should look at, on an order that counts all the same.
mod flag {
    /// Central computes another price, tax or total from the same lines, or another unit price is in the catalogue.
    pub const PRICE_DIFFERS: &str = "PRICE_DIFFERS";
    /// A line names an article that is not in the catalogue.
    pub const UNKNOWN_ARTICLE: &str = "UNKNOWN_ARTICLE";
    /// A line or the fee names a tax group that the store does not have.
    pub const UNKNOWN_TAX_GROUP: &str = "UNKNOWN_TAX_GROUP";
    /// The customer is not known here.
    pub const UNKNOWN_CUSTOMER: &str = "UNKNOWN_CUSTOMER";
    /// The order names another store than the terminal's.
    pub const OTHER_STORE: &str = "OTHER_STORE";
    /// The device's clock could not be believed: the order stands where central received it.
    pub const CLOCK_CLAMPED: &str = "CLOCK_CLAMPED";
    /// Cash was rounded by more than the smallest coin explains.
    pub const ROUNDING_DIFFERS: &str = "ROUNDING_DIFFERS";
}

/// The thing an event is about, even if the event itself is not understood: a later version's `order.returned`
/// still names its order, and a payment must wait behind it.
pub fn aggregate(envelope: &Envelope) -> Option<Uuid> {
    if let Ok(event) = envelope.event() {
        return event.aggregate();
    }
    let subject = envelope.kind.split('.').next().filter(|s| matches!(*s, "order" | "shift"))?;
    let body: serde_json::Value = serde_json::from_str(envelope.body.get()).ok()?;
    body.get(subject)?.as_str()?.parse().ok()
}

/// Applies an event. An error is central's own failure; nothing else may come out as one.
pub fn apply(
    connection: &Connection,
    source: Source,
    envelope: &Envelope,
) -> Result<Verdict, CentralError> {
    let event = match envelope.event() {
        Ok(event) => event,
        Err(DecodeError::UnknownType { .. }) => return Ok(Verdict::Refused("UNKNOWN_TYPE")),
        Err(_) => return Ok(Verdict::Refused("INVALID_BODY")),
    };
    match event {
        Event::TerminalEnrolled { software, .. } => {
            let sql = "UPDATE life SET software = ?3 WHERE terminal = ?1 AND epoch = ?2";
            let Sender { terminal, epoch, .. } = source.sender;
            connection.execute(sql, params![blob(terminal), epoch, software])?;
            Ok(Verdict::Applied)
        }
        Event::TerminalRenewed { .. } => {
            // What of the life before is missing is for people to look at, as it was told.
            let sql = "UPDATE life SET renewal = ?3 WHERE terminal = ?1 AND epoch = ?2";
            let Sender { terminal, epoch, .. } = source.sender;
            connection.execute(sql, params![blob(terminal), epoch, envelope.body.get()])?;
            Ok(Verdict::Applied)
        }
        Event::ShiftOpened { shift, staff } => shift_opened(connection, source, shift, staff),
        Event::ShiftClosed { shift, order_count, cash } => {
            shift_closed(connection, source.business_ms, shift, (order_count, cash))
        }
        Event::OrderPlaced(order) => order_placed(connection, source, &order),
        Event::OrderPaid { order, due, rounding, tenders } => {
            order_paid(connection, source, order, (due, rounding), &tenders)
        }
    }
}

fn shift_opened(
    connection: &Connection,
    source: Source,
    shift: ShiftId,
    staff: StaffId,
) -> Result<Verdict, CentralError> {
    let at_ms = source.business_ms;
    let sql = "INSERT INTO shift (id, terminal, staff, opened_ms) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (id) DO NOTHING";
    let values =
        params![blob(shift.uuid()), blob(source.sender.terminal), blob(staff.uuid()), at_ms];
    let inserted = connection.prepare_cached(sql)?.execute(values)?;
    Ok(if inserted == 1 { Verdict::Applied } else { Verdict::Refused("SHIFT_ID_REUSED") })
}

fn shift_closed(
    connection: &Connection,
    at_ms: i64,
    shift: ShiftId,
    (order_count, cash): (u64, Money),
) -> Result<Verdict, CentralError> {
    let Ok(order_count) = i64::try_from(order_count) else {
        return Ok(Verdict::Refused("INVALID_BODY"));
    };
    let sql = "UPDATE shift SET closed_ms = ?2, declared_orders = ?3, declared_cash_minor = ?4,
               declared_currency = ?5 WHERE id = ?1 AND closed_ms IS NULL";
    let currency = cash.currency();
    let values = params![blob(shift.uuid()), at_ms, order_count, cash.minor(), currency.code()];
    if connection.prepare_cached(sql)?.execute(values)? == 1 {
        return Ok(Verdict::Applied);
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM shift WHERE id = ?1)";
    let known: bool = connection.query_row(sql, [blob(shift.uuid())], |row| row.get(0))?;
    Ok(Verdict::Refused(if known { "ALREADY_CLOSED" } else { "UNKNOWN_SHIFT" }))
}

fn order_placed(
    connection: &Connection,
    source: Source,
    order: &Order,
) -> Result<Verdict, CentralError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM orders WHERE id = ?1)";
    let known: bool =
        connection.prepare_cached(sql)?.query_row([blob(order.id.uuid())], |row| row.get(0))?;
    if known {
        return Ok(Verdict::Refused("ORDER_ID_REUSED"));
    }
    let is_sellable = |quantity: domain::Quantity| quantity.is_sellable();
    if order.lines.is_empty() || !order.lines.iter().all(|line| is_sellable(line.quantity)) {
        return Ok(Verdict::Refused("INVALID_QUANTITY"));
    }
    let store = own_store(connection, source.sender.store_no)?;
    let mut flags = examine(connection, order, store.as_ref())?;
    if source.is_clamped {
        flags.insert(0, flag::CLOCK_CLAMPED);
    }
    insert_order(connection, source, order, &flags)?;
    for (article, delta) in taken_by(order) {
        change_stock(connection, source.sender.store_no, article, delta)?;
    }
    if let Some(customer) = order.customer {
        let place = store.map(|store| store.name).unwrap_or_default();
        publish_history(connection, source, order, (customer.uuid(), place))?;
    }
    Ok(Verdict::Applied)
}

/// The published row of a store.
pub fn own_store(connection: &Connection, store_no: i64) -> Result<Option<StoreRow>, CentralError> {
    let sql = "SELECT id FROM store WHERE no = ?1";
    let store: Option<Uuid> =
        connection.prepare_cached(sql)?.query_row([store_no], |row| id(row, 0)).optional()?;
    let Some(store) = store else { return Ok(None) };
    Ok(feed::get::<StoreRow>(connection, Feed::Config, store_no, store)?.map(|(row, _)| row))
}

pub(crate) fn tax_table(store: &StoreRow) -> TaxTable {
    let treatment = if store.prices_include_tax {
        PriceTreatment::Inclusive
    } else {
        PriceTreatment::Exclusive
    };
    let groups = store.tax_groups.iter().map(|group| TaxGroup {
        key: group.key.clone(),
        rates: group
            .rates
            .iter()
            .map(|rate| TaxRate { name: rate.name.clone(), rate_ppm: rate.rate_ppm })
            .collect(),
    });
    TaxTable { treatment, groups: groups.collect() }
}

/// Computes the order again, and looks at what it refers to (invariant 8).
fn examine(
    connection: &Connection,
    order: &Order,
    store: Option<&StoreRow>,
) -> Result<Vec<&'static str>, CentralError> {
    let mut flags = Vec::new();
    if store.is_none_or(|store| store.id != order.store.uuid()) {
        flags.push(flag::OTHER_STORE);
    }
    match store.map(|store| is_priced_alike(order, &tax_table(store))) {
        Some(Ok(true)) => {}
        Some(Err(PricingError::UnknownTaxGroup(_))) | None => flags.push(flag::UNKNOWN_TAX_GROUP),
        Some(Ok(false) | Err(PricingError::Money(_))) => flags.push(flag::PRICE_DIFFERS),
    }
    for line in &order.lines {
        let article = line.article.uuid();
        let known = feed::get::<ArticleRow>(connection, Feed::Catalogue, EVERYBODY, article)?;
        match known {
            None => flags.push(flag::UNKNOWN_ARTICLE),
            // Another version of the price list may well say another price.
            Some((row, _)) if row.price_version == line.price_version => {
                let price = (row.price_minor, row.currency.as_str(), row.unit.as_str());
                let currency = line.unit_price.currency();
                let unit = line.quantity.unit.name();
                let is_catalogues = price == (line.unit_price.minor(), currency.code(), unit);
                if !is_catalogues && !is_on_label(line, store) {
                    flags.push(flag::PRICE_DIFFERS);
                }
            }
            Some(_) => {}
        }
    }
    if let Some(customer) = order.customer {
        let sql = "SELECT EXISTS (SELECT 1 FROM feed_row
                   WHERE feed = ?1 AND scope = ?2 AND key = ?3 AND row IS NOT NULL)";
        let at = params![feed::feed_number(Feed::Customers), EVERYBODY, blob(customer.uuid())];
        let known: bool = connection.prepare_cached(sql)?.query_row(at, |row| row.get(0))?;
        if !known {
            flags.push(flag::UNKNOWN_CUSTOMER);
        }
    }
    flags.sort_unstable();
    flags.dedup();
    Ok(flags)
}

/// Whether the number that was scanned says the price that was taken: a label of the store's own scales.
fn is_on_label(line: &domain::order::OrderLine, store: Option<&StoreRow>) -> bool {
    let layouts = store.into_iter().flat_map(|store| &store.label_layouts);
    let layouts: Vec<_> = layouts
        .filter_map(|row| VariableMeasureTemplate::new(&row.pattern, row.decimals).ok())
        .collect();
    let label = line.gtin.and_then(|gtin| interpret_restricted(gtin, &layouts));
    let price = label.and_then(|label| label.measure.to_money(line.unit_price.currency()));
    price == Some(line.unit_price) && line.quantity.unit == domain::Unit::Piece
}

fn is_priced_alike(order: &Order, table: &TaxTable) -> Result<bool, PricingError> {
    let line = |line: &domain::order::OrderLine| Line {
        id: line.id,
        article: line.article,
        gtin: line.gtin,
        name: String::new(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        tax_group: line.tax_group.clone(),
        price_version: line.price_version,
        fulfilment: line.fulfilment,
    };
    let basket = Basket {
        id: BasketId::from_uuid(order.id.uuid()),
        currency: order.total.currency(),
        lines: order.lines.iter().map(line).collect(),
        customer: None,
    };
    let priced = pricing::price(&basket, order.delivery.as_ref(), table)?;
    let same_lines = priced.line_totals.iter().eq(order.lines.iter().map(|line| &line.total));
    let same_taxes = priced.taxes.len() == order.taxes.len()
        && priced.taxes.iter().all(|tax| order.taxes.contains(tax));
    Ok(same_lines && same_taxes && priced.total == order.total)
}

fn insert_order(
    connection: &Connection,
    source: Source,
    order: &Order,
    flags: &[&str],
) -> Result<(), CentralError> {
    let wire = OrderPlacedBody::from_domain(order);
    let taxes = serde_json::to_string(&wire.taxes).map_err(CentralError::Json)?;
    let delivery = wire.delivery.as_ref().map(serde_json::to_string).transpose();
    let sql = "INSERT INTO orders (id, event, terminal, number, channel, store, shift, staff,
               customer, placed_ms, currency, total_minor, taxes, delivery, flags, business_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    connection.prepare_cached(sql)?.execute(params![
        blob(order.id.uuid()),
        source.inbox_id,
        blob(source.sender.terminal),
        order.number,
        Channel::Store.name(),
        source.sender.store_no,
        blob(order.shift.uuid()),
        blob(order.staff.uuid()),
        order.customer.map(|customer| blob(customer.uuid())),
        order.placed_at.0,
        wire.currency,
        wire.total_minor,
        taxes,
        delivery.map_err(CentralError::Json)?,
        flags.join(","),
        source.business_ms,
    ])?;
    let order_no = connection.last_insert_rowid();
    let sql = "INSERT INTO order_line (order_no, line_no, article, gtin, name, quantity, unit,
               unit_price_minor, total_minor, tax_group, price_version, fulfilment)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let mut statement = connection.prepare_cached(sql)?;
    for (line_no, line) in order.lines.iter().enumerate() {
        statement.execute(params![
            order_no,
            line_no as i64,
            blob(line.article.uuid()),
            line.gtin.map(|gtin| gtin.number() as i64),
            line.name,
            line.quantity.amount,
            line.quantity.unit.name(),
            line.unit_price.minor(),
            line.total.minor(),
            line.tax_group,
            i64::try_from(line.price_version).unwrap_or(i64::MAX),
            line.fulfilment.name(),
        ])?;
    }
    Ok(())
}

/// Adds to what a store has on hand. Below zero is a fact too; somebody should count.
pub fn change_stock(
    connection: &Connection,
    store_no: i64,
    article: ArticleId,
    delta: i64,
) -> Result<(), CentralError> {
    let key = article.uuid();
    let known = feed::get::<StockRow>(connection, Feed::Stock, store_no, key)?;
    let (mut row, rank) = known.unwrap_or((StockRow { article: key, on_hand: 0 }, i64::MAX));
    row.on_hand = after_move(row.on_hand, delta);
    let at = Put { feed: Feed::Stock, scope: store_no, table: "stock", key, rank };
    feed::put(connection, &at, &row)
}

fn publish_history(
    connection: &Connection,
    source: Source,
    order: &Order,
    (customer, place): (Uuid, String),
) -> Result<(), CentralError> {
    let lines = order.lines.iter().map(|line| HistoryLineRow {
        article: Some(line.article.uuid()),
        name: line.name.clone(),
        quantity: line.quantity.amount,
        unit: line.quantity.unit.name().into(),
        total_minor: line.total.minor(),
    });
    let currency: Currency = order.total.currency();
    let row = HistoryRow {
        id: order.id.uuid(),
        customer,
        channel: Channel::Store.name().into(),
        place,
        number: order.number.clone(),
        at_ms: source.business_ms,
        currency: currency.code().into(),
        lines: lines.collect(),
        total_minor: order.total.minor(),
    };
    put_history(connection, &row)
}

/// Publishes an order in its customer's history, newest first in snapshots.
pub fn put_history(connection: &Connection, row: &HistoryRow) -> Result<(), CentralError> {
    let at = Put {
        feed: Feed::History,
        scope: EVERYBODY,
        table: "order",
        key: row.id,
        rank: row.at_ms.saturating_neg(),
    };
    feed::put(connection, &at, row)
}

struct OrderToPay {
    no: i64,
    currency: String,
    total_minor: i64,
    is_paid: bool,
    store_no: Option<i64>,
    flags: String,
}

fn order_to_pay(
    connection: &Connection,
    order: OrderId,
) -> Result<Option<OrderToPay>, CentralError> {
    let sql = "SELECT no, currency, total_minor, paid_ms IS NOT NULL, store, flags
               FROM orders WHERE id = ?1";
    let found = connection.prepare_cached(sql)?.query_row([blob(order.uuid())], |row| {
        Ok(OrderToPay {
            no: row.get(0)?,
            currency: row.get(1)?,
            total_minor: row.get(2)?,
            is_paid: row.get(3)?,
            store_no: row.get(4)?,
            flags: row.get(5)?,
        })
    });
    Ok(found.optional()?)
}

/// The arithmetic of a payment: what was kept is what was due, plus the rounding that is named.
fn adds_up(due: Money, rounding: Money, tenders: &[Tender]) -> bool {
    let amounts_are_real =
        tenders.iter().all(|tender| tender.given.minor() >= 0 && tender.change.minor() >= 0);
    let kept = tenders
        .iter()
        .try_fold(Money::zero(due.currency()), |sum, tender| sum.checked_add(tender.kept()?));
    amounts_are_real && matches!((kept, due.checked_add(rounding)), (Ok(a), Ok(b)) if a == b)
}

fn order_paid(
    connection: &Connection,
    source: Source,
    order: OrderId,
    (due, rounding): (Money, Money),
    tenders: &[Tender],
) -> Result<Verdict, CentralError> {
    let Some(known) = order_to_pay(connection, order)? else {
        return Ok(Verdict::Refused("UNKNOWN_ORDER"));
    };
    if known.is_paid {
        return Ok(Verdict::Refused("ALREADY_PAID"));
    }
    let currency = due.currency();
    if (known.currency.as_str(), known.total_minor) != (currency.code(), due.minor())
        || !adds_up(due, rounding, tenders)
    {
        return Ok(Verdict::Refused("INVALID_PAYMENT"));
    }
    let smallest_coin = match known.store_no {
        Some(store_no) => {
            own_store(connection, store_no)?.map_or(1, |store| store.smallest_coin_minor.max(1))
        }
        None => 1,
    };
    let mut flags: Vec<&str> = known.flags.split(',').filter(|flag| !flag.is_empty()).collect();
    if rounding.minor().saturating_abs() >= smallest_coin && !rounding.is_zero() {
        flags.push(flag::ROUNDING_DIFFERS);
    }
    let sql = "UPDATE orders SET paid_ms = ?2, rounding_minor = ?3, flags = ?4 WHERE no = ?1";
    if source.is_clamped && !flags.contains(&flag::CLOCK_CLAMPED) {
        flags.push(flag::CLOCK_CLAMPED);
    }
    let values = params![known.no, source.business_ms, rounding.minor(), flags.join(",")];
    connection.prepare_cached(sql)?.execute(values)?;
    let sql = "INSERT INTO tender (id, order_no, kind, currency, given_minor, change_minor)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for tender in tenders {
        connection.prepare_cached(sql)?.execute(params![
            blob(tender.id.uuid()),
            known.no,
            tender.kind.name(),
            currency.code(),
            tender.given.minor(),
            tender.change.minor(),
        ])?;
    }
    Ok(Verdict::Applied)
}
