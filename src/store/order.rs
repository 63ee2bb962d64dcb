//! Orders: committing one is the transaction that everything else is built around.
//!
//! ```text
//! BEGIN IMMEDIATE
//!   same basket before?  -> the order committed first
//!   number = counter + 1;  order.placed, order.paid -> journal
//!   own_order, own_line, own_tender, own_stock;  draft and parked basket go;  head of the journal
//! COMMIT, flushed        -> only now may anybody say "paid" (invariant 1)
//! ```

use crate::config;
use crate::draft;
use crate::error::{CommitError, StoreError};
use crate::journal::{self, append};
use crate::life::Life;
use crate::shift;
use crate::stock;
use crate::writer::Session;
use domain::basket::Basket;
use domain::event::Event;
use domain::id::{BasketId, OrderId, ShiftId, StaffId, StoreId};
use domain::money::Money;
use domain::order::{Delivery, Order, OrderLine};
use domain::pricing::Priced;
use domain::receipt_number::receipt_number;
use domain::tender::Tender;
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, Params, params};
use sync::protocol::event::Stamp;

/// What was taken for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The order's total.
    pub due: Money,
    /// Cash rounding: tenders kept minus due.
    pub rounding: Money,
    /// What was taken.
    pub tenders: Vec<Tender>,
}

/// An order to be committed.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// What was collected.
    pub basket: Basket,
    /// What it comes to.
    pub priced: Priced,
    /// Set when lines are delivered.
    pub delivery: Option<Delivery>,
    /// What was paid; `None` when it is due on delivery.
    pub payment: Option<Payment>,
    /// The open shift.
    pub shift: ShiftId,
    /// Who takes it.
    pub staff: StaffId,
    /// Where.
    pub store: StoreId,
    /// Now. The time of the event before counts, if that is at most [`crate::CLOCK_BACK_MS_MAX`] later.
    pub placed_at: DeviceTime,
}

/// An order that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOrder {
    /// The order, with its number.
    pub order: Order,
    /// Number of its last event.
    pub last_seq: u64,
    /// Central's clock minus the device's as its event was stamped, milliseconds; `None` if nobody knew.
    pub clock_offset_ms: Option<i64>,
}

/// An order of this terminal, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// The order.
    pub order: Order,
    /// What was paid.
    pub payment: Option<Payment>,
    /// Number of `order.placed` in its epoch.
    pub seq: u64,
    /// Central holds all its events.
    pub is_acknowledged: bool,
    /// Central's clock minus the device's as its event was stamped, milliseconds; `None` if nobody knew.
    pub clock_offset_ms: Option<i64>,
}

pub(crate) fn commit(session: &mut Session, new: &NewOrder) -> Result<CommittedOrder, CommitError> {
    let (tx, ids) = session.begin()?;
    if let Some(row) = find(&tx, "basket = ?1", [new.basket.id.uuid().as_bytes()])? {
        let stored = row.read(&tx)?;
        let last = row.paid_position.unwrap_or(row.position);
        // A draft written late must not offer the sold basket again.
        draft::forget_draft(&tx, new.basket.id)?;
        let last_seq = Life::of_position(&tx, last)?.seq(last);
        tx.commit()?;
        let StoredOrder { order, clock_offset_ms, .. } = stored;
        return Ok(CommittedOrder { order, last_seq, clock_offset_ms });
    }
    check_amounts(new)?;
    let mut life = Life::required(&tx)?;
    if shift::current(&tx)?.is_none_or(|open| open.id != new.shift) {
        return Err(CommitError::NoShift);
    }
    let store = config::store_config(&tx)?.ok_or(StoreError::NotConfigured)?;
    let counter = life.receipt_counter + 1;
    let identity = &life.identity;
    let number = receipt_number(&store.code, &identity.name, identity.epoch, counter);
    let placed_at = life.time_of(new.placed_at);
    let order = order_from(new, OrderId::mint(ids), number, placed_at);
    let placed = append(&tx, &mut life, placed_at, &Event::OrderPlaced(Box::new(order.clone())))?;
    let paid = match &new.payment {
        Some(payment) => Some(append(
            &tx,
            &mut life,
            placed_at,
            &Event::OrderPaid {
                order: order.id,
                due: payment.due,
                rounding: payment.rounding,
                tenders: payment.tenders.clone(),
            },
        )?),
        None => None,
    };
    life.receipt_counter = counter;
    // The same that `append` stamps: nothing between here and there can move it.
    let stamp = Stamp { at_ms: placed_at.0, offset_ms: life.clock_offset_ms, hlc: None };
    project(&tx, new.basket.id, &order, (placed.position, stamp))?;
    if let (Some(payment), Some(paid)) = (&new.payment, paid) {
        project_payment(&tx, &payment.tenders, placed.position, paid.position)?;
    }
    draft::forget_draft(&tx, new.basket.id)?;
    draft::forget_parked(&tx, new.basket.id)?;
    life.save_head(&tx)?;
    tx.commit()?;
    let last_seq = paid.unwrap_or(placed).seq;
    Ok(CommittedOrder { order, last_seq, clock_offset_ms: stamp.offset_ms })
}

/// Money that does not add up never gets a receipt number.
fn check_amounts(new: &NewOrder) -> Result<(), CommitError> {
    let wrong = |what| Err(CommitError::Amounts(what));
    if new.basket.is_empty() {
        return Err(CommitError::Empty);
    }
    if new.priced.line_totals.len() != new.basket.lines.len() {
        return wrong("every line needs its total");
    }
    let lines = Money::sum(new.basket.currency, new.priced.line_totals.iter().copied());
    let fee = match &new.delivery {
        Some(delivery) => delivery.fee,
        None => Money::zero(new.basket.currency),
    };
    if lines.and_then(|sum| sum.checked_add(fee)) != Ok(new.priced.subtotal) {
        return wrong("the lines do not make the subtotal");
    }
    if new.priced.total.currency() != new.basket.currency {
        return wrong("the total is in another currency");
    }
    let Some(payment) = &new.payment else { return Ok(()) };
    if payment.due != new.priced.total {
        return wrong("what is due is not the total");
    }
    let kept = payment
        .tenders
        .iter()
        .try_fold(Money::zero(new.basket.currency), |sum, tender| sum.checked_add(tender.kept()?));
    let expected = payment.due.checked_add(payment.rounding);
    if kept.is_err() || kept != expected {
        return wrong("the tenders do not make what is due");
    }
    Ok(())
}

fn order_from(new: &NewOrder, id: OrderId, number: String, placed_at: DeviceTime) -> Order {
    let lines = new.basket.lines.iter().zip(&new.priced.line_totals);
    let line = |(line, total): (&domain::basket::Line, &Money)| OrderLine {
        id: line.id,
        article: line.article,
        gtin: line.gtin,
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        total: *total,
        tax_group: line.tax_group.clone(),
        price_version: line.price_version,
        fulfilment: line.fulfilment,
    };
    Order {
        id,
        number,
        store: new.store,
        shift: new.shift,
        staff: new.staff,
        customer: new.basket.customer,
        placed_at,
        lines: lines.map(line).collect(),
        delivery: new.delivery.clone(),
        taxes: new.priced.taxes.clone(),
        total: new.priced.total,
    }
}

/// Writes what is asked about orders where it can be asked. Its time there is central's as far as the device knew: a
/// purchase made under a clock of another decade stands among the others where it belongs.
pub(crate) fn project(
    db: &Connection,
    basket: BasketId,
    order: &Order,
    (position, stamp): (i64, Stamp),
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO own_order (position, id, basket, number, shift, customer, placed_at_ms, currency, \
         total_minor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        position,
        order.id.uuid().as_bytes(),
        basket.uuid().as_bytes(),
        order.number,
        order.shift.uuid().as_bytes(),
        order.customer.map(domain::id::CustomerId::uuid).as_ref().map(uuid::Uuid::as_bytes),
        stamp.physical_ms(),
        order.total.currency().code(),
        order.total.minor(),
    ])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO own_line (position, ordinal, article, quantity, total_minor) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (ordinal, line) in order.lines.iter().enumerate() {
        insert.execute(params![
            position,
            ordinal,
            line.article.uuid().as_bytes(),
            line.quantity.amount,
            line.total.minor()
        ])?;
    }
    stock::book(db, order, position)
}

/// Writes how the order at `position` was paid.
pub(crate) fn project_payment(
    db: &Connection,
    tenders: &[Tender],
    position: i64,
    paid_position: i64,
) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE own_order SET paid_position = ?2 WHERE position = ?1")?
        .execute([position, paid_position])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO own_tender (position, ordinal, kind, currency, given_minor, change_minor) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (ordinal, tender) in tenders.iter().enumerate() {
        insert.execute(params![
            position,
            ordinal,
            tender.kind.name(),
            tender.given.currency().code(),
            tender.given.minor(),
            tender.change.minor()
        ])?;
    }
    Ok(())
}

/// A row of the projection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnOrder {
    pub position: i64,
    pub paid_position: Option<i64>,
}

impl OwnOrder {
    /// Reads the order from the journal.
    pub fn read(self, db: &Connection) -> Result<StoredOrder, StoreError> {
        let (event, stamp) = journal::stamped_at(db, self.position)?;
        let Event::OrderPlaced(order) = event else {
            return Err(StoreError::damaged("an order's event is of another type"));
        };
        let payment = match self.paid_position.map(|at| journal::event_at(db, at)).transpose()? {
            Some(Event::OrderPaid { due, rounding, tenders, .. }) => {
                Some(Payment { due, rounding, tenders })
            }
            Some(_) => return Err(StoreError::damaged("a payment's event is of another type")),
            None => None,
        };
        let seq = Life::of_position(db, self.position)?.seq(self.position);
        let (is_acknowledged, clock_offset_ms) = (self.is_held(db)?, stamp.offset_ms);
        Ok(StoredOrder { order: *order, payment, seq, is_acknowledged, clock_offset_ms })
    }

    /// Whether central holds all its events. The payment may stand in a later life than the order.
    pub fn is_held(self, db: &Connection) -> Result<bool, StoreError> {
        let last = self.paid_position.unwrap_or(self.position);
        let life = Life::of_position(db, last)?;
        if !life.is_held(life.seq(last)) {
            return Ok(false);
        }
        let first = Life::of_position(db, self.position)?;
        Ok(first.is_held(first.seq(self.position)))
    }
}

fn find(
    db: &Connection,
    condition: &str,
    parameters: impl Params,
) -> Result<Option<OwnOrder>, StoreError> {
    let sql = format!("SELECT position, paid_position FROM own_order WHERE {condition}");
    let mut statement = db.prepare_cached(&sql)?;
    let row = statement.query_row(parameters, |row| {
        Ok(OwnOrder { position: row.get(0)?, paid_position: row.get(1)? })
    });
    Ok(row.optional()?)
}

fn read_found(db: &Connection, row: Option<OwnOrder>) -> Result<Option<StoredOrder>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    row.read(db).map(Some)
}

pub(crate) fn by_id(db: &Connection, id: OrderId) -> Result<Option<StoredOrder>, StoreError> {
    read_found(db, find(db, "id = ?1", [id.uuid().as_bytes()])?)
}

pub(crate) fn of_basket(db: &Connection, id: BasketId) -> Result<Option<StoredOrder>, StoreError> {
    read_found(db, find(db, "basket = ?1", [id.uuid().as_bytes()])?)
}

/// By the number on its receipt. An index finds it; should a device that changed its terminal ever have given
/// a number twice, the newer order is meant.
pub(crate) fn by_number(db: &Connection, number: &str) -> Result<Option<StoredOrder>, StoreError> {
    read_found(db, find(db, "number = ?1 ORDER BY position DESC LIMIT 1", [number])?)
}

pub(crate) fn last(db: &Connection) -> Result<Option<StoredOrder>, StoreError> {
    read_found(db, find(db, "position = (SELECT max(position) FROM own_order)", [])?)
}
