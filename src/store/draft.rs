//! The basket in work and those put aside. They are local state, not events: they may change at every scan, nobody
//! else needs them yet, and what counts is what they become.
//!
//! Stored as JSON of this file's own types: the domain's do not serialise, and these may only grow fields. A body
//! that cannot be read back is moved to `unreadable_basket`, bytes as they are, and never stops the program; what
//! it says is not logged.

use crate::error::StoreError;
use crate::writer::Session;
use domain::basket::{Basket, Line};
use domain::gtin::Gtin;
use domain::id::{ArticleId, BasketId, CustomerId, LineId};
use domain::money::{Currency, Money};
use domain::order::Fulfilment;
use domain::quantity::Quantity;
use domain::time::DeviceTime;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A basket that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedBasket {
    /// The basket.
    pub basket: Basket,
    /// When it was put aside.
    pub parked_at: DeviceTime,
}

#[derive(Serialize, Deserialize)]
struct BasketBody {
    id: Uuid,
    currency: String,
    #[serde(default)]
    customer: Option<Uuid>,
    lines: Vec<LineBody>,
}

#[derive(Serialize, Deserialize)]
struct LineBody {
    id: Uuid,
    article: Uuid,
    #[serde(default)]
    gtin: Option<u64>,
    name: String,
    quantity: i64,
    unit: String,
    unit_price_minor: i64,
    tax_group: String,
    price_version: u64,
    fulfilment: String,
}

fn to_json(basket: &Basket) -> String {
    let line = |line: &Line| LineBody {
        id: line.id.uuid(),
        article: line.article.uuid(),
        gtin: line.gtin.map(Gtin::number),
        name: line.name.clone(),
        quantity: line.quantity.amount,
        unit: line.quantity.unit.name().into(),
        unit_price_minor: line.unit_price.minor(),
        tax_group: line.tax_group.clone(),
        price_version: line.price_version,
        fulfilment: line.fulfilment.name().into(),
    };
    let body = BasketBody {
        id: basket.id.uuid(),
        currency: basket.currency.code().into(),
        customer: basket.customer.map(CustomerId::uuid),
        lines: basket.lines.iter().map(line).collect(),
    };
    serde_json::to_string(&body).expect("plain fields with string keys always serialise")
}

/// What was read of stored baskets.
#[derive(Debug)]
pub(crate) struct Found<T> {
    /// What could be read.
    pub sound: T,
    /// There is a body that could not; see [`move_aside`].
    pub has_unreadable: bool,
}

/// The basket of a stored body; `None` if it cannot be read back, for whatever reason.
fn basket_from(body: ValueRef<'_>) -> Option<Basket> {
    let body: BasketBody = serde_json::from_str(body.as_str().ok()?).ok()?;
    let currency: Currency = body.currency.parse().ok()?;
    let line = |line: LineBody| -> Option<Line> {
        Some(Line {
            id: LineId::from_uuid(line.id),
            article: ArticleId::from_uuid(line.article),
            gtin: line.gtin.map(Gtin::from_number).transpose().ok()?,
            name: line.name,
            quantity: Quantity::new(line.quantity, line.unit.parse().ok()?),
            unit_price: Money::new(line.unit_price_minor, currency),
            tax_group: line.tax_group,
            price_version: line.price_version,
            fulfilment: Fulfilment::from_name(&line.fulfilment)?,
        })
    };
    Some(Basket {
        id: BasketId::from_uuid(body.id),
        currency,
        lines: body.lines.into_iter().map(line).collect::<Option<_>>()?,
        customer: body.customer.map(CustomerId::from_uuid),
    })
}

fn put(db: &Connection, basket: &Basket) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO draft (one, basket, body) VALUES (1, ?1, ?2)")?
        .execute(params![basket.id.uuid().as_bytes(), to_json(basket)])?;
    Ok(())
}

pub(crate) fn save(session: &mut Session, basket: &Basket) -> Result<(), StoreError> {
    put(&session.connection, basket)
}

pub(crate) fn current(db: &Connection) -> Result<Found<Option<Basket>>, StoreError> {
    let mut statement = db.prepare_cached("SELECT body FROM draft")?;
    let read = |row: &Row<'_>| Ok(basket_from(row.get_ref(0)?));
    let row = statement.query_row([], read).optional()?;
    Ok(Found { has_unreadable: matches!(row, Some(None)), sound: row.flatten() })
}

pub(crate) fn clear(session: &mut Session) -> Result<(), StoreError> {
    session.connection.prepare_cached("DELETE FROM draft")?.execute([])?;
    Ok(())
}

pub(crate) fn park(
    session: &mut Session,
    basket: &Basket,
    at: DeviceTime,
) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    tx.prepare_cached(
        "INSERT OR REPLACE INTO parked (basket, parked_at_ms, body) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![basket.id.uuid().as_bytes(), at.0, to_json(basket)])?;
    forget_draft(&tx, basket.id)?;
    Ok(tx.commit()?)
}

pub(crate) fn resume(session: &mut Session, id: BasketId) -> Result<Option<Basket>, StoreError> {
    let (tx, _) = session.begin()?;
    let found = current(&tx)?;
    if found.has_unreadable {
        move_draft_aside(&tx)?;
    }
    let basket = tx
        .prepare_cached("SELECT body FROM parked WHERE basket = ?1")?
        .query_row([id.uuid().as_bytes()], |row| Ok(basket_from(row.get_ref(0)?)))
        .optional()?;
    let basket = match basket {
        Some(Some(basket)) => basket,
        Some(None) => {
            move_parked_aside(&tx, id.uuid().as_bytes())?;
            tx.commit()?;
            return Ok(None);
        }
        None => {
            tx.commit()?;
            return Ok(None);
        }
    };
    if found.sound.is_some_and(|draft| draft.id != id && !draft.is_empty()) {
        return Err(StoreError::DraftInTheWay);
    }
    put(&tx, &basket)?;
    forget_parked(&tx, id)?;
    tx.commit()?;
    Ok(Some(basket))
}

pub(crate) fn parked(db: &Connection) -> Result<Found<Vec<ParkedBasket>>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT body, parked_at_ms FROM parked ORDER BY parked_at_ms, basket")?;
    let mut rows = statement.query([])?;
    let mut found = Found { sound: Vec::new(), has_unreadable: false };
    while let Some(row) = rows.next()? {
        let parked_at = DeviceTime(row.get(1)?);
        match basket_from(row.get_ref(0)?) {
            Some(basket) => found.sound.push(ParkedBasket { basket, parked_at }),
            None => found.has_unreadable = true,
        }
    }
    Ok(found)
}

/// Moves what cannot be read back to `unreadable_basket`, in one transaction. Looks again by itself: the baskets
/// may have changed since somebody came upon one.
pub(crate) fn move_aside(session: &mut Session) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    if current(&tx)?.has_unreadable {
        move_draft_aside(&tx)?;
    }
    let unreadable: Vec<Vec<u8>> = {
        let mut statement = tx.prepare_cached("SELECT basket, body FROM parked")?;
        let rows = statement.query_map([], |row| {
            let is_sound = basket_from(row.get_ref(1)?).is_some();
            Ok((row.get(0)?, is_sound))
        })?;
        let rows: Vec<(Vec<u8>, bool)> = rows.collect::<Result<_, _>>()?;
        rows.into_iter().filter(|(_, is_sound)| !is_sound).map(|(basket, _)| basket).collect()
    };
    for basket in unreadable {
        move_parked_aside(&tx, &basket)?;
    }
    Ok(tx.commit()?)
}

/// SQLite copies the body: no byte of it passes through a type that might change or refuse it.
fn move_draft_aside(db: &Connection) -> Result<(), StoreError> {
    db.execute_batch(
        "INSERT INTO unreadable_basket (basket, body) SELECT basket, body FROM draft; \
         DELETE FROM draft;",
    )?;
    tracing::error!("the basket in work cannot be read back and was moved aside");
    Ok(())
}

fn move_parked_aside(db: &Connection, basket: &[u8]) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO unreadable_basket (basket, parked_at_ms, body) \
         SELECT basket, parked_at_ms, body FROM parked WHERE basket = ?1",
    )?
    .execute([basket])?;
    db.prepare_cached("DELETE FROM parked WHERE basket = ?1")?.execute([basket])?;
    tracing::error!("a basket that was put aside cannot be read back and was moved out of the way");
    Ok(())
}

/// Drops the draft if it is this basket: what was sold or put aside is no longer in work.
pub(crate) fn forget_draft(db: &Connection, id: BasketId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM draft WHERE basket = ?1")?.execute([id.uuid().as_bytes()])?;
    Ok(())
}

/// Drops a basket from those put aside.
pub(crate) fn forget_parked(db: &Connection, id: BasketId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM parked WHERE basket = ?1")?.execute([id.uuid().as_bytes()])?;
    Ok(())
}
