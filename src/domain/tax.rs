//! Taxes on goods: rates in parts per million, several a line where the law says so (GST and QST in Québec, both
//! on the net price since 2013), contained in the shelf price or added to it.

use crate::money::{Money, MoneyError, Rounding};

/// One tax: its name on the receipt and its rate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaxRate {
    /// As printed, such as `MWST` or `TPS/GST`.
    pub name: String,
    /// Parts per million: 8.1 % is 81,000; QST's 9.975 % is 99,750.
    pub rate_ppm: u32,
}

impl TaxRate {
    /// A hundred percent and more would be a slip in the catalogue.
    pub const RATE_PPM_MAX: u32 = 1_000_000;
}

/// The taxes that apply to a class of goods, under a short key such as `standard` or `food`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaxGroup {
    /// Key that articles name.
    pub key: String,
    /// None, one or several taxes, each on the net price.
    pub rates: Vec<TaxRate>,
}

/// Whether shelf prices contain the taxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PriceTreatment {
    /// The price shown is the price paid (Europe, China).
    #[default]
    Inclusive,
    /// Taxes are added at the till (North America).
    Exclusive,
}

/// One tax on a sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxAmount {
    /// The tax.
    pub rate: TaxRate,
    /// Net amount on which it is computed.
    pub base: Money,
    /// The tax itself.
    pub amount: Money,
}

/// What one group's sum comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxedSum {
    /// Without taxes.
    pub net: Money,
    /// With taxes: what is paid.
    pub gross: Money,
    /// Each tax.
    pub taxes: Vec<TaxAmount>,
}

/// Taxes `amount` (the sum of all lines of one group) once, rounding each tax commercially.
///
/// Rounding once per group and receipt, not per line, is what Swiss (MWSTG art. 26), German (UStDV § 33) and
/// Canadian (ETA s. 165.2) rules allow, and it keeps the receipt's sum equal to the printed rate times base.
pub fn tax(
    amount: Money,
    group: &TaxGroup,
    treatment: PriceTreatment,
) -> Result<TaxedSum, MoneyError> {
    const WHOLE: i64 = 1_000_000;
    let denominator = match treatment {
        PriceTreatment::Exclusive => WHOLE,
        PriceTreatment::Inclusive => {
            WHOLE + group.rates.iter().map(|rate| i64::from(rate.rate_ppm)).sum::<i64>()
        }
    };
    let mut amounts = Vec::with_capacity(group.rates.len());
    for rate in &group.rates {
        amounts.push(amount.checked_ratio(rate.rate_ppm.into(), denominator, Rounding::HalfUp)?);
    }
    let all = Money::sum(amount.currency(), amounts.iter().copied())?;
    let (net, gross) = match treatment {
        PriceTreatment::Exclusive => (amount, amount.checked_add(all)?),
        PriceTreatment::Inclusive => (amount.checked_sub(all)?, amount),
    };
    let taxes = group.rates.iter().zip(amounts);
    let taxes =
        taxes.map(|(rate, amount)| TaxAmount { rate: rate.clone(), base: net, amount }).collect();
    Ok(TaxedSum { net, gross, taxes })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::money::Currency;
    use proptest::prelude::*;

    fn group(rates: &[u32]) -> TaxGroup {
        let rate = |ppm: &u32| TaxRate { name: format!("T{ppm}"), rate_ppm: *ppm };
        TaxGroup { key: "g".into(), rates: rates.iter().map(rate).collect() }
    }

    /// One line, one case: amount, rates in ppm, treatment, net, gross, each tax.
    #[test]
    fn known_receipts() {
        use PriceTreatment::*;
        for (amount, rates, treatment, net, gross, taxes) in [
            (10810, &[81_000][..], Inclusive, 10000, 10810, &[810][..]),
            (1000, &[26_000], Inclusive, 975, 1000, &[25]),
            // 5 % GST and 9.975 % QST on 100.00 CAD (Revenu Québec's own example: 5.00 and 9.98).
            (10000, &[50_000, 99_750], Exclusive, 10000, 11498, &[500, 998]),
            (11498, &[50_000, 99_750], Inclusive, 10000, 11498, &[500, 998]),
            (500, &[], Inclusive, 500, 500, &[]),
            (-10810, &[81_000], Inclusive, -10000, -10810, &[-810]),
        ] {
            let sum = tax(Money::new(amount, Currency::CAD), &group(rates), treatment).unwrap();
            let got: Vec<i64> = sum.taxes.iter().map(|tax| tax.amount.minor()).collect();
            assert_eq!((sum.net.minor(), sum.gross.minor(), got.as_slice()), (net, gross, taxes));
        }
    }

    proptest! {
        #[test]
        fn net_and_taxes_make_gross(
            minor in -10_000_000i64..10_000_000,
            rates in proptest::collection::vec(0u32..300_000, 0..4),
            inclusive: bool,
        ) {
            let treatment =
                if inclusive { PriceTreatment::Inclusive } else { PriceTreatment::Exclusive };
            let sum = tax(Money::new(minor, Currency::EUR), &group(&rates), treatment).unwrap();
            let taxes: i64 = sum.taxes.iter().map(|tax| tax.amount.minor()).sum();
            prop_assert_eq!(sum.net.minor() + taxes, sum.gross.minor());
        }
    }
}
