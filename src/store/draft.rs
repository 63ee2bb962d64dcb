//! The basket in work and those put aside. They are local state, not events: they may change at every scan, nobody
//! else needs them yet, and what counts is what they become.
//!
//! Stored as JSON of this file's own types: the domain's do not serialise, and these may only grow fields.

use crate::config::from_json;
use crate::error::StoreError;
use crate::writer::Session;
use domain::basket::{Basket, Line};
use domain::gtin::Gtin;
use domain::id::{ArticleId, BasketId, CustomerId, LineId};
use domain::money::{Currency, Money};
use domain::order::Fulfilment;
use domain::quantity::Quantity;
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, params};
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

fn basket_from(json: &str) -> Result<Basket, StoreError> {
    let body: BasketBody = from_json(json)?;
    let currency: Currency =
        body.currency.parse().map_err(|_| StoreError::damaged("the currency of a basket"))?;
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
    let lines: Option<Vec<Line>> = body.lines.into_iter().map(line).collect();
    Ok(Basket {
        id: BasketId::from_uuid(body.id),
        currency,
        lines: lines.ok_or_else(|| StoreError::damaged("a line of a basket"))?,
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

pub(crate) fn current(db: &Connection) -> Result<Option<Basket>, StoreError> {
    let mut statement = db.prepare_cached("SELECT body FROM draft")?;
    let body: Option<String> = statement.query_row([], |row| row.get(0)).optional()?;
    body.as_deref().map(basket_from).transpose()
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
    let body: Option<String> = tx
        .prepare_cached("SELECT body FROM parked WHERE basket = ?1")?
        .query_row([id.uuid().as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(body) = body else { return Ok(None) };
    if current(&tx)?.is_some_and(|draft| draft.id != id && !draft.is_empty()) {
        return Err(StoreError::DraftInTheWay);
    }
    let basket = basket_from(&body)?;
    put(&tx, &basket)?;
    forget_parked(&tx, id)?;
    tx.commit()?;
    Ok(Some(basket))
}

pub(crate) fn parked(db: &Connection) -> Result<Vec<ParkedBasket>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT body, parked_at_ms FROM parked ORDER BY parked_at_ms, basket")?;
    let mut rows = statement.query([])?;
    let mut parked = Vec::new();
    while let Some(row) = rows.next()? {
        let body: String = row.get(0)?;
        let parked_at = DeviceTime(row.get(1)?);
        parked.push(ParkedBasket { basket: basket_from(&body)?, parked_at });
    }
    Ok(parked)
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
