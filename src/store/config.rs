//! What central has configured (store, staff), and what this device keeps for itself (settings, PIN guards).

use crate::error::StoreError;
use crate::life::Life;
use crate::writer::Session;
use domain::code::{CodeKey, VariableMeasureTemplate};
use domain::id::{StaffId, StoreId};
use domain::pricing::TaxTable;
use domain::staff::{PinAttempts, Staff, StaffRole};
use domain::store::{SlotRule, StoreConfig};
use domain::tax::{PriceTreatment, TaxGroup, TaxRate};
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::feed::{LabelLayoutRow, SlotRow, StaffRow, StoreRow, TaxGroupRow};

/// The domain's form of a store row; `None` if a field has no meaning.
pub(crate) fn store_from(row: StoreRow) -> Option<StoreConfig> {
    let group = |group: TaxGroupRow| TaxGroup {
        key: group.key,
        rates: group
            .rates
            .into_iter()
            .map(|rate| TaxRate { name: rate.name, rate_ppm: rate.rate_ppm })
            .collect(),
    };
    let slot = |slot: SlotRow| SlotRule {
        weekday: slot.weekday,
        start_minute: slot.start_minute,
        end_minute: slot.end_minute,
        fee_minor: slot.fee_minor,
        cutoff_minutes: slot.cutoff_minutes,
    };
    let treatment = match row.prices_include_tax {
        true => PriceTreatment::Inclusive,
        false => PriceTreatment::Exclusive,
    };
    Some(StoreConfig {
        id: StoreId::from_uuid(row.id),
        code: row.code,
        name: row.name,
        address: row.address,
        country: row.country,
        currency: row.currency.parse().ok()?,
        time_zone: row.time_zone,
        smallest_coin_minor: row.smallest_coin_minor,
        notes_minor: row.notes_minor,
        taxes: TaxTable { treatment, groups: row.tax_groups.into_iter().map(group).collect() },
        slots: row.slots.into_iter().map(slot).collect(),
        delivery_tax_group: row.delivery_tax_group,
        label_layouts: row.label_layouts.into_iter().filter_map(layout_from).collect(),
        code_keys: row.code_keys.iter().filter_map(|key| CodeKey::parse(key)).collect(),
    })
}

/// A layout that this build does not understand reads nothing; the others go on reading.
fn layout_from(row: LabelLayoutRow) -> Option<VariableMeasureTemplate> {
    VariableMeasureTemplate::new(&row.pattern, row.decimals)
        .inspect_err(|error| {
            let error = error as &dyn std::error::Error;
            tracing::warn!(pattern = row.pattern, error, "a layout of labels is not understood");
        })
        .ok()
}

/// The domain's form of a staff row. A role that this build does not know may do the least.
pub(crate) fn staff_from(row: StaffRow) -> Staff {
    Staff {
        id: StaffId::from_uuid(row.id),
        number: row.number,
        name: row.name,
        role: StaffRole::from_name(&row.role).unwrap_or(StaffRole::Associate),
        pin_verifier: row.pin_verifier,
        pin_length: row.pin_length,
    }
}

pub(crate) fn store_config(db: &Connection) -> Result<Option<StoreConfig>, StoreError> {
    let own = Life::current(db)?.map(|life| *life.identity.store.uuid().as_bytes());
    // The feed has exactly one store; were there more, the terminal's own is meant. Two questions, because sorting
    // would build a table of its own within every sale.
    let mut of_own = db.prepare_cached("SELECT row FROM base_store WHERE id = ?1")?;
    let mut row: Option<String> = of_own.query_row([own], |row| row.get(0)).optional()?;
    if row.is_none() {
        let mut of_any = db.prepare_cached("SELECT row FROM base_store ORDER BY id LIMIT 1")?;
        row = of_any.query_row([], |row| row.get(0)).optional()?;
    }
    let Some(row) = row else { return Ok(None) };
    let row: StoreRow = from_json(&row)?;
    store_from(row).map(Some).ok_or_else(|| StoreError::damaged("the store's configuration"))
}

pub(crate) fn staff(db: &Connection) -> Result<Vec<Staff>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT row, coalesce(last_position, 0) FROM base_staff \
         LEFT JOIN staff_memory ON staff = id",
    )?;
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut people = Vec::new();
    for row in rows {
        let (json, last) = row?;
        people.push((-last, staff_from(from_json(&json)?)));
    }
    people.sort_by(|a, b| (a.0, &a.1.name, &a.1.number).cmp(&(b.0, &b.1.name, &b.1.number)));
    Ok(people.into_iter().map(|(_, person)| person).collect())
}

pub(crate) fn pin_attempts(db: &Connection, staff: StaffId) -> Result<PinAttempts, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT failures, locked_until_ms FROM staff_memory WHERE staff = ?1")?;
    let attempts = statement
        .query_row([staff.uuid().as_bytes()], |row| {
            Ok(PinAttempts { failures: row.get(0)?, locked_until_ms: row.get(1)? })
        })
        .optional()?;
    Ok(attempts.unwrap_or_default())
}

pub(crate) fn set_pin_attempts(
    session: &mut Session,
    staff: StaffId,
    attempts: PinAttempts,
) -> Result<(), StoreError> {
    session
        .connection
        .prepare_cached(
            "INSERT INTO staff_memory (staff, failures, locked_until_ms) VALUES (?1, ?2, ?3) \
             ON CONFLICT (staff) DO UPDATE SET failures = ?2, locked_until_ms = ?3",
        )?
        .execute(params![staff.uuid().as_bytes(), attempts.failures, attempts.locked_until_ms])?;
    Ok(())
}

pub(crate) fn setting(db: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    let mut statement = db.prepare_cached("SELECT value FROM setting WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

pub(crate) fn set_setting(session: &mut Session, key: &str, value: &str) -> Result<(), StoreError> {
    session
        .connection
        .prepare_cached(
            "INSERT INTO setting (key, value) VALUES (?1, ?2) \
             ON CONFLICT (key) DO UPDATE SET value = ?2",
        )?
        .execute([key, value])?;
    Ok(())
}

/// Reads JSON that was checked before it was stored.
pub(crate) fn from_json<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Damaged(Box::new(error)))
}
