//! Stores and staff of the demo chain.

use super::dice::{Dice, Kind};
use crate::error::CentralError;
use crate::rim::id_at;
use argon2::password_hash::CustomizedPasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use sync::protocol::feed::{LabelLayoutRow, SlotRow, StaffRow, StoreRow, TaxGroupRow, TaxRateRow};

/// Stores have identities of this moment on.
const FIRST_ID_MS: i64 = 1_700_000_000_000;
/// The most stores.
pub const STORES_MAX: u64 = 50;

const PLACES: [(&str, &str); 8] = [
    ("Bern", "Marktgasse 12, 3011 Bern"),
    ("Zürich", "Langstrasse 84, 8004 Zürich"),
    ("Genève", "Rue du Marché 7, 1204 Genève"),
    ("Basel", "Freie Strasse 31, 4001 Basel"),
    ("Lausanne", "Rue de Bourg 20, 1003 Lausanne"),
    ("Luzern", "Hertensteinstrasse 9, 6004 Luzern"),
    ("St. Gallen", "Multergasse 15, 9000 St. Gallen"),
    ("Fribourg", "Rue de Lausanne 44, 1700 Fribourg"),
];

/// Number, name, role, PIN. The PINs are printed by the seed and stand in the README: this chain has no secrets.
pub const STAFF: [(&str, &str, &str, &str); 3] = [
    ("101", "Anna Keller", "cashier", "1234"),
    ("102", "Beat Rochat", "associate", "2345"),
    ("103", "Chen Wei 陈伟", "manager", "3456"),
];

/// Swiss VAT since 2024: 8.1 % and 2.6 % (MWSTG art. 25).
fn tax_groups() -> Vec<TaxGroupRow> {
    let group = |key: &str, rate_ppm: u32| TaxGroupRow {
        key: key.into(),
        rates: vec![TaxRateRow { name: "MWST".into(), rate_ppm }],
    };
    vec![group("food", 26_000), group("standard", 81_000)]
}

/// Monday to Saturday: in the morning, in the afternoon, in the evening.
fn slots() -> Vec<SlotRow> {
    let times = [(480, 660, 590), (840, 1020, 590), (1020, 1200, 790)];
    let slot = |weekday| {
        times.map(|(start_minute, end_minute, fee_minor)| SlotRow {
            weekday,
            start_minute,
            end_minute,
            fee_minor,
            cutoff_minutes: 120,
        })
    };
    (1..=6).flat_map(slot).collect()
}

/// Labels of the scales of this chain: a price in 21…, a weight in 28….
fn label_layouts() -> Vec<LabelLayoutRow> {
    let layout = |pattern: &str, decimals| LabelLayoutRow { pattern: pattern.into(), decimals };
    vec![layout("21IIIIIVPPPPC", 2), layout("28IIIIIWWWWWC", 3)]
}

/// The key of the chain's codes. It follows from the seed: this chain has no secrets.
fn code_key(seed: u64) -> String {
    // After the stores: no store draws the same.
    let mut dice = Dice::of(seed, Kind::Store, STORES_MAX + 1);
    (0..4).flat_map(|_| dice.id_bytes()).take(32).map(|byte| format!("{byte:02x}")).collect()
}

/// The short code of a store, from 1.
pub fn code(number: u64) -> String {
    format!("S{number:03}")
}

/// The store of that number, from 1.
pub fn store(seed: u64, number: u64) -> StoreRow {
    let mut dice = Dice::of(seed, Kind::Store, number);
    let (town, address) = PLACES[(number - 1) as usize % PLACES.len()];
    let round = (number - 1) as usize / PLACES.len();
    let suffix = if round == 0 { String::new() } else { format!(" {}", round + 1) };
    StoreRow {
        id: id_at(FIRST_ID_MS + number as i64, &dice.id_bytes()),
        code: code(number),
        name: format!("Crossroads {town}{suffix}"),
        address: address.into(),
        country: "CH".into(),
        currency: "CHF".into(),
        time_zone: "Europe/Zurich".into(),
        prices_include_tax: true,
        smallest_coin_minor: 5,
        notes_minor: vec![1000, 2000, 5000, 10_000, 20_000, 100_000],
        tax_groups: tax_groups(),
        slots: slots(),
        delivery_tax_group: "standard".into(),
        label_layouts: label_layouts(),
        code_keys: vec![code_key(seed)],
    }
}

/// The Argon2id verifier of a PIN: 19 MiB, two passes (OWASP's first choice), about 50 ms on a handheld.
pub fn pin_verifier(pin: &str, salt: &[u8]) -> Result<String, CentralError> {
    let params = Params::new(19_456, 2, 1, None).expect("the cost is within Argon2's bounds");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash: PasswordHash = argon2
        .hash_password_with_params(pin.as_bytes(), salt, params)
        .map_err(|_| CentralError::Random)?;
    Ok(hash.to_string())
}

/// The staff, the same in all stores.
pub fn staff(seed: u64) -> Result<Vec<StaffRow>, CentralError> {
    let mut rows = Vec::new();
    for (number, (staff_number, name, role, pin)) in STAFF.into_iter().enumerate() {
        let mut dice = Dice::of(seed, Kind::Staff, number as u64);
        let id = id_at(FIRST_ID_MS + number as i64, &dice.id_bytes());
        let mut salt = [0; 20];
        salt[..10].copy_from_slice(&dice.id_bytes());
        salt[10..].copy_from_slice(&dice.id_bytes());
        rows.push(StaffRow {
            id,
            number: staff_number.into(),
            name: name.into(),
            role: role.into(),
            pin_verifier: pin_verifier(pin, &salt[..16])?,
            pin_length: pin.len() as u8,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use argon2::PasswordVerifier;

    #[test]
    fn pins_verify_and_verifiers_repeat() {
        let rows = staff(7).unwrap();
        assert_eq!(rows, staff(7).unwrap());
        for (row, (_, _, _, pin)) in rows.iter().zip(STAFF) {
            let hash = PasswordHash::new(&row.pin_verifier).unwrap();
            assert!(row.pin_verifier.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
            assert!(Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok());
            assert!(Argon2::default().verify_password(b"0000", &hash).is_err());
        }
    }
}
