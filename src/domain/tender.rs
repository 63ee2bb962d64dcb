//! Tenders: means of payment taken, and the arithmetic of cash.

use crate::id::TenderId;
use crate::money::{Money, MoneyError, Rounding};

/// A means of payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TenderKind {
    /// Notes and coins.
    Cash,
}

impl TenderKind {
    /// The name in SQL and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cash => "cash",
        }
    }
}

/// One means of payment taken for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tender {
    /// Identity.
    pub id: TenderId,
    /// What it is.
    pub kind: TenderKind,
    /// What the customer gave.
    pub given: Money,
    /// What was given back.
    pub change: Money,
}

impl Tender {
    /// What stays in the drawer.
    pub fn kept(&self) -> Result<Money, MoneyError> {
        self.given.checked_sub(self.change)
    }
}

/// What is due in cash, where the smallest coins are no longer in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CashDue {
    /// To be paid in coins that exist.
    pub amount: Money,
    /// `amount` minus the exact total; zero or less than one step either way.
    pub rounding: Money,
}

/// Rounds a total to the smallest coin, ties away from zero (Swiss practice; Canada's 2013 guideline).
pub fn cash_due(total: Money, smallest_coin_minor: i64) -> Result<CashDue, MoneyError> {
    let amount = total.rounded_to_step(smallest_coin_minor.max(1), Rounding::HalfUp)?;
    Ok(CashDue { amount, rounding: amount.checked_sub(total)? })
}

/// The amounts worth offering as one touch: the exact one, then what people hand over in notes.
pub fn quick_amounts(due: Money, notes_minor: &[i64], count_max: usize) -> Vec<Money> {
    let mut offers = vec![due];
    let mut candidates: Vec<i64> = notes_minor
        .iter()
        .filter(|note| **note > 0)
        .filter_map(|note| {
            let pieces = due.minor().checked_add(note - 1)?.div_euclid(*note);
            // Nobody pays with more than three notes of one kind.
            (pieces <= 3).then(|| pieces.checked_mul(*note)).flatten()
        })
        .filter(|offer| *offer > due.minor())
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    let notes = candidates.into_iter().map(|minor| Money::new(minor, due.currency()));
    offers.extend(notes.take(count_max.saturating_sub(1)));
    offers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::money::Currency;

    const NOTES: [i64; 6] = [1000, 2000, 5000, 10000, 20000, 100_000];

    /// One line, one case: due, offers.
    #[test]
    fn offers_are_what_people_hand_over() {
        for (due, offers) in [
            (1735, &[1735, 2000, 5000, 10000][..]),
            (2000, &[2000, 5000, 10000, 20000]),
            (4360, &[4360, 5000, 6000, 10000]),
            (10005, &[10005, 15000, 20000, 100_000]),
            (5, &[5, 1000, 2000, 5000]),
        ] {
            let got: Vec<i64> = quick_amounts(Money::new(due, Currency::CHF), &NOTES, 4)
                .iter()
                .map(|money| money.minor())
                .collect();
            assert_eq!(got, offers, "{due}");
        }
    }

    #[test]
    fn cash_is_rounded_to_coins_that_exist() {
        for (total, coin, amount, rounding) in
            [(1233, 5, 1235, 2), (1232, 5, 1230, -2), (1233, 1, 1233, 0), (1233, 0, 1233, 0)]
        {
            let due = cash_due(Money::new(total, Currency::CHF), coin).unwrap();
            assert_eq!((due.amount.minor(), due.rounding.minor()), (amount, rounding));
        }
    }
}
