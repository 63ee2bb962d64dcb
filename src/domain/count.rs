//! A counted list: which goods somebody found on the shelf, and how many. It is no event and books nothing; what it
//! differs from is for a person to judge.
//!
//! Every change is planned first and applied after it is on disk: `plan_*` says which lines change and how, and
//! [`CountList::apply`] makes it so. A scan, a picture of many packs and a corrected quantity are one step each, which
//! [`CountList::plan_undo`] takes back.

use crate::article::Article;
use crate::gtin::Gtin;
use crate::id::{ArticleId, IdSource, LineId};
use crate::quantity::{Quantity, Unit};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// One article on the list. What is weighed and what a label counts as one piece of it are two lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountLine {
    /// Identity.
    pub id: LineId,
    /// The article.
    pub article: ArticleId,
    /// The number that was read last, if one was.
    pub gtin: Option<Gtin>,
    /// Its name when it was counted.
    pub name: String,
    /// How much was counted; zero where a shelf was found empty.
    pub quantity: Quantity,
    /// The unit in which its stock is kept: another one where the label of something weighed says no weight.
    pub stock_unit: Unit,
    /// How many packs of something weighed or measured that is.
    pub packs: u32,
    /// Where it stands: the greatest is the newest. No two lines have the same.
    pub place: u64,
}

impl CountLine {
    /// Pieces; what is weighed or measured has none.
    pub fn piece_count(&self) -> u64 {
        match self.quantity.unit {
            Unit::Piece => u64::try_from(self.quantity.amount).unwrap_or(0),
            _ => 0,
        }
    }
}

/// One line before and after a change; `None` where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountChange {
    /// Which line.
    pub line: LineId,
    /// As it was.
    pub before: Option<CountLine>,
    /// As it is.
    pub after: Option<CountLine>,
}

/// What one pack adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The article.
    pub article: ArticleId,
    /// Its name.
    pub name: String,
    /// The number that was read.
    pub gtin: Option<Gtin>,
    /// One piece, or what its label says.
    pub quantity: Quantity,
    /// The unit in which its stock is kept.
    pub stock_unit: Unit,
}

impl Counted {
    /// What a pack of `article` adds that was read as `gtin` and holds `quantity`.
    pub fn new(article: &Article, gtin: Option<Gtin>, quantity: Quantity) -> Self {
        let stock_unit = article.price.unit;
        Self { article: article.id, name: article.name.clone(), gtin, quantity, stock_unit }
    }
}

/// Why a list cannot do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CountError {
    /// No such line.
    #[error("there is no such line on the list")]
    UnknownLine,
    /// Negative, or beyond [`Quantity::AMOUNT_MAX`].
    #[error("nobody counts {0}")]
    Quantity(i64),
    /// More than [`CountList::LINES_MAX`] lines.
    #[error("a counted list holds at most {} lines", CountList::LINES_MAX)]
    Full,
}

/// What was counted, and the steps that can be taken back.
#[derive(Clone, Debug, Default)]
pub struct CountList {
    by_place: BTreeMap<u64, CountLine>,
    place_of: HashMap<LineId, u64>,
    line_of: HashMap<(ArticleId, Unit), LineId>,
    undo: VecDeque<Vec<CountChange>>,
}

impl CountList {
    /// The articles of a large shop's shelves that one person counts in a night.
    pub const LINES_MAX: usize = 5_000;
    /// Steps that can be taken back.
    pub const UNDO_MAX: usize = 50;

    /// A list as it was kept; there is nothing to take back.
    pub fn of(lines: impl IntoIterator<Item = CountLine>) -> Self {
        let mut list = Self::default();
        lines.into_iter().for_each(|line| list.put(line));
        list
    }

    /// Nothing on it.
    pub fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.by_place.len()
    }

    /// Pieces on it, see [`CountLine::piece_count`].
    pub fn piece_count(&self) -> u64 {
        self.by_place.values().map(CountLine::piece_count).sum()
    }

    /// The lines, newest first.
    pub fn newest_first(&self) -> impl DoubleEndedIterator<Item = &CountLine> {
        self.by_place.values().rev()
    }

    /// A line.
    pub fn line(&self, id: LineId) -> Option<&CountLine> {
        self.by_place.get(self.place_of.get(&id)?)
    }

    /// What of a line can be compared with the stock of its article: nothing where a part of it is counted in another
    /// unit, on this line or on another.
    pub fn comparable(&self, line: &CountLine) -> Option<Quantity> {
        let is_other = |unit: Unit| unit != line.stock_unit;
        let units = [Unit::Piece, Unit::Gram, Unit::Millilitre, Unit::Millimetre];
        let has_other = units
            .into_iter()
            .any(|unit| is_other(unit) && self.line_of.contains_key(&(line.article, unit)));
        (!has_other).then_some(line.quantity)
    }

    /// Whether there is a step to take back.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// The step that [`Self::plan_undo`] would take back.
    pub fn last_step(&self) -> Option<&[CountChange]> {
        self.undo.back().map(Vec::as_slice)
    }

    /// Adds packs as one step: each article becomes the newest line, the last one first of all.
    pub fn plan_add(
        &self,
        packs: &[Counted],
        ids: &mut dyn IdSource,
    ) -> Result<Vec<CountChange>, CountError> {
        let mut changes: Vec<CountChange> = Vec::new();
        let mut known: HashMap<(ArticleId, Unit), usize> = HashMap::new();
        let next = self.by_place.last_key_value().map_or(0, |(place, _)| place + 1);
        let mut new_lines = 0;
        for (place, pack) in (next..).zip(packs) {
            let key = (pack.article, pack.quantity.unit);
            let at = *known.entry(key).or_insert_with(|| {
                let before = self.line_of.get(&key).and_then(|id| self.line(*id)).cloned();
                let line = before.as_ref().map_or_else(|| LineId::mint(ids), |line| line.id);
                new_lines += usize::from(before.is_none());
                let after = before.clone();
                changes.push(CountChange { line, before, after });
                changes.len() - 1
            });
            if self.len() + new_lines > Self::LINES_MAX {
                return Err(CountError::Full);
            }
            let change = &mut changes[at];
            let (counted, so_far) = match &change.after {
                Some(line) => (line.quantity.amount, line.packs),
                None => (0, 0),
            };
            let amount = counted.saturating_add(pack.quantity.amount);
            let quantity = countable(Quantity::new(amount, pack.quantity.unit))?;
            let former = change.after.as_ref().and_then(|line| line.gtin);
            change.after = Some(CountLine {
                id: change.line,
                article: pack.article,
                gtin: pack.gtin.or(former),
                name: pack.name.clone(),
                quantity,
                stock_unit: pack.stock_unit,
                packs: so_far.saturating_add(1),
                place,
            });
        }
        Ok(changes)
    }

    /// Sets how much was counted of a line, in its unit; it stays where it stands.
    pub fn plan_set(&self, id: LineId, amount: i64) -> Result<Vec<CountChange>, CountError> {
        let before = self.line(id).ok_or(CountError::UnknownLine)?.clone();
        let quantity = countable(Quantity::new(amount, before.quantity.unit))?;
        if quantity == before.quantity {
            return Ok(Vec::new());
        }
        let after = CountLine { quantity, ..before.clone() };
        Ok(vec![CountChange { line: id, before: Some(before), after: Some(after) }])
    }

    /// Takes a line off the list.
    pub fn plan_remove(&self, id: LineId) -> Result<Vec<CountChange>, CountError> {
        let before = self.line(id).ok_or(CountError::UnknownLine)?.clone();
        Ok(vec![CountChange { line: id, before: Some(before), after: None }])
    }

    /// What takes the last step back; nothing if there is none.
    pub fn plan_undo(&self) -> Vec<CountChange> {
        let back = |change: &CountChange| CountChange {
            line: change.line,
            before: change.after.clone(),
            after: change.before.clone(),
        };
        self.last_step().unwrap_or_default().iter().map(back).collect()
    }

    /// Makes planned changes so, as one step that can be taken back.
    pub fn apply(&mut self, step: Vec<CountChange>) {
        self.make(&step);
        if self.undo.len() == Self::UNDO_MAX {
            self.undo.pop_front();
        }
        self.undo.push_back(step);
    }

    /// Makes what [`Self::plan_undo`] planned so.
    pub fn apply_undo(&mut self, step: &[CountChange]) {
        self.make(step);
        self.undo.pop_back();
    }

    /// What was done cannot be taken back any more: somebody else holds the terminal.
    pub fn forget_undo(&mut self) {
        self.undo.clear();
    }

    fn make(&mut self, step: &[CountChange]) {
        // All that goes goes first: a line may come to where another one stood.
        for change in step {
            if let Some(place) = self.place_of.remove(&change.line)
                && let Some(line) = self.by_place.remove(&place)
            {
                self.line_of.remove(&(line.article, line.quantity.unit));
            }
        }
        step.iter().filter_map(|change| change.after.clone()).for_each(|line| self.put(line));
    }

    fn put(&mut self, line: CountLine) {
        self.place_of.insert(line.id, line.place);
        self.line_of.insert((line.article, line.quantity.unit), line.id);
        self.by_place.insert(line.place, line);
    }
}

fn countable(quantity: Quantity) -> Result<Quantity, CountError> {
    let is_countable = (0..=Quantity::AMOUNT_MAX).contains(&quantity.amount);
    is_countable.then_some(quantity).ok_or(CountError::Quantity(quantity.amount))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::basket::tests::{Counter, article};

    fn pack(number: u128, quantity: Quantity) -> Counted {
        Counted::new(&article(number, 100, quantity.unit, "a"), None, quantity)
    }

    fn piece(number: u128) -> Counted {
        pack(number, Quantity::pieces(1))
    }

    fn add(list: &mut CountList, packs: &[Counted], ids: &mut Counter) {
        let step = list.plan_add(packs, ids).unwrap();
        list.apply(step);
    }

    /// Name, amount and packs of each line, newest first.
    fn shown(list: &CountList) -> Vec<(String, i64, u32)> {
        let of = |line: &CountLine| (line.name.clone(), line.quantity.amount, line.packs);
        list.newest_first().map(of).collect()
    }

    fn row(number: u128, amount: i64, packs: u32) -> (String, i64, u32) {
        (format!("Article {number}"), amount, packs)
    }

    #[test]
    fn the_same_again_is_one_more_and_newest() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        for number in [1, 2, 1] {
            add(&mut list, &[piece(number)], &mut ids);
        }
        assert_eq!(shown(&list), [row(1, 2, 2), row(2, 1, 1)]);
        assert_eq!((list.len(), list.piece_count()), (2, 3));
    }

    #[test]
    fn a_picture_is_one_step() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        add(&mut list, &[piece(2)], &mut ids);
        let packs = [piece(1), piece(2), piece(1), piece(3), piece(1)];
        add(&mut list, &packs, &mut ids);
        assert_eq!(shown(&list), [row(1, 3, 3), row(3, 1, 1), row(2, 2, 2)]);
        let back = list.plan_undo();
        list.apply_undo(&back);
        assert_eq!(shown(&list), [row(2, 1, 1)]);
    }

    #[test]
    fn what_is_weighed_adds_up_and_counts_its_packs() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        let grams = |amount| pack(1, Quantity::new(amount, Unit::Gram));
        add(&mut list, &[grams(356), grams(644)], &mut ids);
        add(&mut list, &[piece(1)], &mut ids);
        assert_eq!(shown(&list), [row(1, 1, 1), row(1, 1_000, 2)]);
        assert_eq!(list.piece_count(), 1, "a label that says no weight is a line of its own");
    }

    #[test]
    fn what_is_counted_in_two_units_is_compared_in_none() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        let cheese = article(1, 100, Unit::Gram, "a");
        let grams = Quantity::new(356, Unit::Gram);
        add(&mut list, &[Counted::new(&cheese, None, grams), piece(2)], &mut ids);
        let compared = |list: &CountList| -> Vec<Option<Quantity>> {
            list.newest_first().map(|line| list.comparable(line)).collect()
        };
        assert_eq!(compared(&list), [Some(Quantity::pieces(1)), Some(grams)]);
        add(&mut list, &[Counted::new(&cheese, None, Quantity::pieces(1))], &mut ids);
        assert_eq!(compared(&list), [None, Some(Quantity::pieces(1)), None]);
    }

    #[test]
    fn steps_are_taken_back_one_by_one_to_the_beginning() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        let mut states = vec![shown(&list)];
        for number in [1, 2, 1, 3, 2] {
            add(&mut list, &[piece(number)], &mut ids);
            states.push(shown(&list));
        }
        let milk = list.newest_first().last().unwrap().id;
        let step = list.plan_set(milk, 40).unwrap();
        list.apply(step);
        states.push(shown(&list));
        let step = list.plan_remove(milk).unwrap();
        list.apply(step);
        states.push(shown(&list));
        assert_eq!(list.len(), 2);
        while list.can_undo() {
            assert_eq!(Some(shown(&list)), states.pop());
            let back = list.plan_undo();
            list.apply_undo(&back);
        }
        assert_eq!((shown(&list), states.len()), (vec![], 1));
        assert!(list.plan_undo().is_empty());
    }

    #[test]
    fn as_many_steps_are_remembered_as_are_promised() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        for _ in 0..CountList::UNDO_MAX + 7 {
            add(&mut list, &[piece(1)], &mut ids);
        }
        let steps = std::iter::from_fn(|| {
            let back = list.can_undo().then(|| list.plan_undo())?;
            list.apply_undo(&back);
            Some(())
        });
        assert_eq!(steps.count(), CountList::UNDO_MAX);
        assert_eq!(list.piece_count(), 7);
    }

    #[test]
    fn slips_change_nothing() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        add(&mut list, &[piece(1)], &mut ids);
        let milk = list.newest_first().next().unwrap().id;
        let unknown = LineId::mint(&mut ids);
        assert_eq!(list.plan_set(unknown, 1), Err(CountError::UnknownLine));
        assert_eq!(list.plan_remove(unknown), Err(CountError::UnknownLine));
        assert_eq!(list.plan_set(milk, -1), Err(CountError::Quantity(-1)));
        let much = Quantity::AMOUNT_MAX;
        assert_eq!(list.plan_set(milk, much + 1), Err(CountError::Quantity(much + 1)));
        let most = pack(1, Quantity::pieces(much));
        assert_eq!(list.plan_add(&[most], &mut ids), Err(CountError::Quantity(much + 1)));
        assert!(list.plan_set(milk, 0).is_ok(), "an empty shelf is counted too");
    }

    #[test]
    fn a_full_list_says_so_and_still_counts_what_is_on_it() {
        let mut ids = Counter(0);
        let mut list = CountList::default();
        let packs: Vec<Counted> = (0..CountList::LINES_MAX as u128).map(piece).collect();
        add(&mut list, &packs, &mut ids);
        assert_eq!(list.plan_add(&[piece(1 << 90)], &mut ids), Err(CountError::Full));
        assert_eq!(list.plan_add(&[piece(7)], &mut ids).unwrap().len(), 1);
    }

    #[test]
    fn a_kept_list_goes_on_where_it_was() {
        let (mut list, mut ids) = (CountList::default(), Counter(0));
        for number in [1, 2, 3, 1] {
            add(&mut list, &[piece(number)], &mut ids);
        }
        let mut kept = CountList::of(list.newest_first().cloned());
        assert_eq!(shown(&kept), shown(&list));
        assert!(!kept.can_undo());
        add(&mut kept, &[piece(2)], &mut ids);
        assert_eq!(shown(&kept), [row(2, 2, 2), row(1, 2, 2), row(3, 1, 1)]);
    }
}
