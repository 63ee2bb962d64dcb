//! Pricing a basket: the one function that shelf, till, web basket and central share (invariant 8).

use crate::basket::Basket;
use crate::money::{Money, MoneyError};
use crate::order::Delivery;
use crate::quantity::Quantity;
use crate::tax::{PriceTreatment, TaxAmount, TaxGroup, tax};

/// The taxes of a place.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TaxTable {
    /// Whether shelf prices contain them.
    pub treatment: PriceTreatment,
    /// All groups that articles may name.
    pub groups: Vec<TaxGroup>,
}

/// What a basket comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Total of each line, in the order of the basket.
    pub line_totals: Vec<Money>,
    /// Sum of lines and fee as shown on the shelf.
    pub subtotal: Money,
    /// Each tax over the whole basket, by name and rate.
    pub taxes: Vec<TaxAmount>,
    /// What is to be paid.
    pub total: Money,
}

/// Why a basket has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    /// The tax table does not know a group that an article names.
    #[error("the tax group `{0}` is not configured")]
    UnknownTaxGroup(String),
    /// Amounts do not fit together.
    #[error("the amounts cannot be added")]
    Money(#[from] MoneyError),
}

/// The price of one line: unit price times quantity, rounded commercially once.
pub fn line_total(unit_price: Money, quantity: Quantity) -> Result<Money, MoneyError> {
    crate::article::UnitPrice { amount: unit_price, unit: quantity.unit }.of(quantity)
}

/// Prices a basket, with the delivery fee if there is one.
pub fn price(
    basket: &Basket,
    delivery: Option<&Delivery>,
    table: &TaxTable,
) -> Result<Priced, PricingError> {
    let mut line_totals = Vec::with_capacity(basket.lines.len());
    for line in &basket.lines {
        line_totals.push(line_total(line.unit_price, line.quantity)?);
    }
    let keyed = basket.lines.iter().map(|line| line.tax_group.as_str()).zip(line_totals.iter());
    let fee = delivery
        .filter(|delivery| !delivery.fee.is_zero())
        .map(|delivery| (delivery.fee_tax_group.as_str(), &delivery.fee));
    let (taxes, subtotal, total) = tax_all(keyed.chain(fee), table, Money::zero(basket.currency))?;
    Ok(Priced { line_totals, subtotal, taxes, total })
}

/// Taxes amounts by group, merging equal rates; `zero` names the currency of an empty sum.
/// Returns the taxes, the sum as on the shelf, and the sum to pay.
pub fn tax_all<'a>(
    amounts: impl IntoIterator<Item = (&'a str, &'a Money)>,
    table: &TaxTable,
    zero: Money,
) -> Result<(Vec<TaxAmount>, Money, Money), PricingError> {
    let mut sums: Vec<(&TaxGroup, Money)> = Vec::new();
    let mut subtotal = zero;
    for (key, amount) in amounts {
        subtotal = subtotal.checked_add(*amount)?;
        if let Some((_, sum)) = sums.iter_mut().find(|(group, _)| group.key == key) {
            *sum = sum.checked_add(*amount)?;
        } else {
            let group = table.groups.iter().find(|group| group.key == key);
            sums.push((group.ok_or_else(|| PricingError::UnknownTaxGroup(key.into()))?, *amount));
        }
    }
    // The order of scanning must not change the receipt: groups go by their key.
    sums.sort_by(|a, b| a.0.key.cmp(&b.0.key));
    let (mut taxes, mut total): (Vec<TaxAmount>, _) = (Vec::new(), zero);
    for (group, sum) in sums {
        let taxed = tax(sum, group, table.treatment)?;
        total = total.checked_add(taxed.gross)?;
        for amount in taxed.taxes {
            match taxes.iter_mut().find(|known| known.rate == amount.rate) {
                Some(known) => {
                    known.base = known.base.checked_add(amount.base)?;
                    known.amount = known.amount.checked_add(amount.amount)?;
                }
                None => taxes.push(amount),
            }
        }
    }
    Ok((taxes, subtotal, total))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::basket::tests::{Counter, article};
    use crate::money::Currency;
    use crate::order::Fulfilment;
    use crate::quantity::Unit;
    use crate::tax::TaxRate;
    use proptest::prelude::*;

    fn table(treatment: PriceTreatment) -> TaxTable {
        let group = |key: &str, rates: &[(&str, u32)]| TaxGroup {
            key: key.into(),
            rates: rates
                .iter()
                .map(|(name, ppm)| TaxRate { name: (*name).into(), rate_ppm: *ppm })
                .collect(),
        };
        let groups = vec![
            group("food", &[("VAT", 26_000)]),
            group("standard", &[("VAT", 81_000)]),
            group("quebec", &[("GST", 50_000), ("QST", 99_750)]),
        ];
        TaxTable { treatment, groups }
    }

    fn basket(lines: &[(u128, i64, Unit, i64, &str)]) -> Basket {
        let mut ids = Counter(1000);
        let mut basket = Basket::new(Currency::CHF, &mut ids);
        for (number, minor, unit, amount, group) in lines {
            let article = article(*number, *minor, *unit, group);
            basket.add(&article, None, Fulfilment::Carry, &mut ids).unwrap();
            let line = basket.lines.last().unwrap().id;
            basket.set_quantity(line, *amount).unwrap();
        }
        basket
    }

    #[test]
    fn a_swiss_basket() {
        let basket = basket(&[
            (1, 240, Unit::Piece, 3, "food"),
            (2, 2490, Unit::Gram, 356, "food"),
            (3, 1990, Unit::Piece, 1, "standard"),
        ]);
        let priced = price(&basket, None, &table(PriceTreatment::Inclusive)).unwrap();
        let lines: Vec<i64> = priced.line_totals.iter().map(|total| total.minor()).collect();
        assert_eq!(lines, [720, 886, 1990]);
        assert_eq!(priced.total.minor(), 3596);
        let taxes: Vec<_> =
            priced.taxes.iter().map(|t| (t.rate.rate_ppm, t.amount.minor())).collect();
        assert_eq!(taxes, [(26_000, 41), (81_000, 149)]);
    }

    #[test]
    fn taxes_are_added_where_prices_exclude_them() {
        let basket = basket(&[(1, 10000, Unit::Piece, 1, "quebec")]);
        let priced = price(&basket, None, &table(PriceTreatment::Exclusive)).unwrap();
        assert_eq!((priced.subtotal.minor(), priced.total.minor()), (10000, 11498));
    }

    #[test]
    fn an_unknown_tax_group_is_named() {
        let basket = basket(&[(1, 100, Unit::Piece, 1, "mystery")]);
        let error = price(&basket, None, &table(PriceTreatment::Inclusive));
        assert_eq!(error, Err(PricingError::UnknownTaxGroup("mystery".into())));
    }

    proptest! {
        /// Invariant 8: the order of scanning changes nothing.
        #[test]
        fn order_of_lines_does_not_matter(
            rows in proptest::collection::vec((1i64..99_999, 1i64..5_000, 0usize..3), 1..12),
            inclusive: bool,
        ) {
            let treatment =
                if inclusive { PriceTreatment::Inclusive } else { PriceTreatment::Exclusive };
            let groups = ["food", "standard", "quebec"];
            let lines: Vec<_> = rows.iter().enumerate()
                .map(|(i, (minor, amount, g))| (i as u128 + 1, *minor, Unit::Gram, *amount, groups[*g]))
                .collect();
            let reversed: Vec<_> = lines.iter().rev().copied().collect();
            let forth = price(&basket(&lines), None, &table(treatment)).unwrap();
            let back = price(&basket(&reversed), None, &table(treatment)).unwrap();
            prop_assert_eq!(forth.total, back.total);
            prop_assert_eq!(forth.taxes, back.taxes);
        }
    }
}
