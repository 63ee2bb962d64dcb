//! Counting goods: a list that stays on this device, compared with the stock that it knows, and printed. It books
//! nothing: stock at central does not change by it, and the view says so.
//!
//! Every change is on disk before it is on the screen, a row a line. The list is a page at a time on the screen, so
//! that a scan costs the same with five thousand lines as with five. What a scanner reads here is judged in
//! `count_scan.rs`, what a picture of many packs brings in [`super::count_picture`]; paper is in
//! [`super::count_print`].

use super::count_picture::CountPicture;
use super::intent::{CountAsk, View};
use super::screen::{CountRow, CountScreen, Message, StockState};
use super::terminal::Terminal;
use domain::count::{CountChange, CountError, CountLine, CountList, Counted};
use domain::id::{ArticleId, LineId};
use domain::quantity::{Quantity, Unit};
use std::collections::{HashMap, VecDeque};
use store::{CountHead, StoreError};

/// Lines of one page: more than a person scrolls through, few enough to be made anew at every scan.
pub const PAGE_LINES: usize = 100;
/// How long a picture may take from the press; the reader takes two seconds at most.
const LOOK_MS_MAX: u64 = 6_000;

/// State of the count view.
#[derive(Default)]
pub struct CountState {
    pub(super) head: Option<CountHead>,
    pub(super) list: CountList,
    pub(super) fresh: Option<LineId>,
    page: usize,
    pub(super) compared: Option<Compared>,
    /// A picture was asked for at this time, and has not come.
    pub(super) asked_ms: Option<u64>,
    pub(super) picture: Option<CountPicture>,
    pub(super) is_printing: bool,
    /// The camera is composed with, not aimed: only pictures count, until somebody says otherwise.
    pub(super) is_all_in_view: bool,
    /// The code in hand comes from the camera.
    pub(super) is_by_camera: bool,
    /// Packs that the aimed camera counted one after the other, with nothing else between, and when.
    pub(super) aimed: VecDeque<(u64, Counted)>,
}

/// What the list is compared with.
pub(super) struct Compared {
    stock: HashMap<ArticleId, i64>,
    /// Lines in the order in which they are shown: differences, what cannot be compared, the rest.
    order: Vec<LineId>,
    /// Lines that differ, and lines that cannot be compared.
    counts: (u32, u32),
}

impl Terminal {
    /// Takes up the list that was kept.
    pub(super) fn load_count(&mut self) -> Result<(), StoreError> {
        if let Some(kept) = self.parts.store.count()? {
            self.count.head = Some(kept.head);
            self.count.list = CountList::of(kept.lines);
        }
        Ok(())
    }

    /// Opens the view; who finds somebody else's list is told whose it is.
    pub(super) fn open_count(&mut self) {
        self.go(View::Count);
        self.count.page = 0;
        self.count.compared = None;
        self.count.fresh = None;
        self.put_picture_away();
        self.count.asked_ms = None;
        self.count.is_all_in_view = false;
        self.count.aimed.clear();
        if self.is_count_of_other()
            && let Some(head) = &self.count.head
        {
            let since = self.formatter.date_time(self.shown_ms(head.begun_at));
            let message = Message::information("count-of-other", &[&head.name, &since]);
            self.say(message);
        }
    }

    fn is_count_of_other(&self) -> bool {
        let me = self.person.as_ref().map(|person| person.id);
        self.count.head.as_ref().is_some_and(|head| Some(head.staff) != me)
    }

    pub(super) fn count_intent(&mut self, ask: CountAsk) -> Result<(), StoreError> {
        match ask {
            CountAsk::Set(line, amount) => {
                let step = self.count.list.plan_set(line, amount);
                self.correct(line, step)
            }
            CountAsk::Step(line, by) => {
                let now = self.count.list.line(line).map_or(0, |line| line.quantity.amount);
                let step = self.count.list.plan_set(line, now.saturating_add(by));
                self.correct(line, step)
            }
            CountAsk::Remove(line) => {
                let name = self.count.list.line(line).map(|line| line.name.clone());
                let step = self.count.list.plan_remove(line);
                self.correct(line, step)?;
                if let Some(name) = name {
                    self.say(Message::information("count-line-removed", &[&name]));
                }
                Ok(())
            }
            CountAsk::Undo => self.undo_count(),
            CountAsk::Compare(is_on) => self.compare(is_on),
            CountAsk::Page(page) => {
                self.count.page = page.min(self.page_count().saturating_sub(1));
                Ok(())
            }
            CountAsk::Print => {
                self.print_count();
                Ok(())
            }
            CountAsk::Empty => self.empty_count(),
            CountAsk::TakePicture => {
                self.take_picture();
                Ok(())
            }
            CountAsk::DropPicture => {
                self.put_picture_away();
                Ok(())
            }
            CountAsk::OneByOne => {
                self.put_picture_away();
                self.count.is_all_in_view = false;
                Ok(())
            }
        }
    }

    /// A change by hand.
    fn correct(
        &mut self,
        line: LineId,
        step: Result<Vec<CountChange>, CountError>,
    ) -> Result<(), StoreError> {
        match step {
            Ok(step) if step.is_empty() => self.hush(),
            Ok(step) => {
                self.keep_step(step)?;
                self.count.aimed.clear();
                self.count.fresh = Some(line);
                self.hush();
            }
            Err(error) => self.say(of_count_error(error)),
        }
        Ok(())
    }

    /// Puts a step on disk, then on the list.
    pub(super) fn keep_step(&mut self, step: Vec<CountChange>) -> Result<(), StoreError> {
        let Some(head) = self.head_of_count() else { return Ok(()) };
        self.parts.store.save_count(&head, &step)?;
        self.count.head = Some(head);
        self.count.list.apply(step);
        self.count.page = 0;
        self.compare_anew()
    }

    /// Who began the list: whoever is here, if nobody did.
    fn head_of_count(&self) -> Option<CountHead> {
        let begin = || {
            let person = self.person.as_ref()?;
            let (staff, name) = (person.id, person.name.clone());
            Some(CountHead { begun_at: self.now(), staff, name })
        };
        self.count.head.clone().or_else(begin)
    }

    fn undo_count(&mut self) -> Result<(), StoreError> {
        let step = self.count.list.plan_undo();
        let Some(head) = self.count.head.clone().filter(|_| !step.is_empty()) else {
            return Ok(());
        };
        self.parts.store.save_count(&head, &step)?;
        self.count.list.apply_undo(&step);
        self.count.fresh = None;
        self.count.aimed.clear();
        // Its frames stand around what is not counted any more.
        self.put_picture_away();
        self.say(Message::information("undo-done", &[]));
        self.compare_anew()
    }

    /// Throws the list away. The question whether that is meant is asked by the view, once.
    fn empty_count(&mut self) -> Result<(), StoreError> {
        self.parts.store.clear_count()?;
        let is_printing = self.count.is_printing;
        self.count = CountState { is_printing, ..CountState::default() };
        self.say(Message::information("count-emptied", &[]));
        Ok(())
    }

    fn compare(&mut self, is_on: bool) -> Result<(), StoreError> {
        self.count.page = 0;
        self.count.aimed.clear();
        self.put_picture_away();
        if !is_on {
            self.count.compared = None;
            return Ok(());
        }
        let articles: Vec<_> = self.count.list.newest_first().map(|line| line.article).collect();
        let stock = self.parts.store.stock_of(&articles)?;
        self.count.compared = Some(Compared { stock, order: Vec::new(), counts: (0, 0) });
        self.compare_anew()
    }

    /// Where the list is being compared: learns the stock of what is new on it, and puts differences first again.
    fn compare_anew(&mut self) -> Result<(), StoreError> {
        let Some(mut compared) = self.count.compared.take() else { return Ok(()) };
        if let Some(line) = self.count.list.newest_first().next()
            && let Some(on_hand) = self.parts.store.stock(line.article)?
        {
            compared.stock.insert(line.article, on_hand);
        }
        let list = &self.count.list;
        let rank = |line: &&CountLine| match difference(list, &compared.stock, line) {
            Ok((_, 0)) => 2,
            Ok(_) => 0,
            Err(_) => 1,
        };
        let mut lines: Vec<_> = list.newest_first().map(|line| (rank(&line), line.id)).collect();
        lines.sort_by_key(|(rank, _)| *rank);
        let of_rank = |rank| lines.iter().filter(|(it, _)| *it == rank).count() as u32;
        compared.counts = (of_rank(0), of_rank(1));
        compared.order = lines.into_iter().map(|(_, line)| line).collect();
        self.count.compared = Some(compared);
        Ok(())
    }

    fn take_picture(&mut self) {
        if self.view != View::Count || self.count.asked_ms.is_some() {
            return;
        }
        if !self.has_camera() {
            self.say(Message::warning("count-no-camera", &[]));
            return;
        }
        self.put_picture_away();
        self.count.compared = None;
        self.hush();
        self.count.asked_ms = Some(self.parts.clock.monotonic_ms());
        self.count.is_all_in_view = true;
        self.parts.camera.take_picture();
    }

    pub(super) fn has_camera(&self) -> bool {
        matches!(self.camera.as_str(), "camera" | "replay")
    }

    /// Time passed: a picture that does not come is not waited for for ever.
    pub(super) fn watch_picture(&mut self) {
        let now = self.parts.clock.monotonic_ms();
        if self.count.asked_ms.is_some_and(|asked| now.saturating_sub(asked) > LOOK_MS_MAX) {
            self.count.asked_ms = None;
            if self.view == View::Count {
                self.say(Message::warning("count-picture-missed", &[]));
            }
        }
    }

    /// The live camera is back.
    pub(super) fn put_picture_away(&mut self) {
        self.count.picture = None;
    }

    fn page_count(&self) -> usize {
        self.count.list.len().div_ceil(PAGE_LINES)
    }

    /// The lines in the order in which they are shown.
    pub(super) fn ordered(&self) -> Box<dyn Iterator<Item = &CountLine> + '_> {
        let list = &self.count.list;
        match &self.count.compared {
            Some(compared) => Box::new(compared.order.iter().filter_map(|id| list.line(*id))),
            None => Box::new(list.newest_first()),
        }
    }

    pub(super) fn count_row(&self, line: &CountLine) -> CountRow {
        let in_unit = |amount| self.formatter.quantity(Quantity::new(amount, line.stock_unit));
        let compared = self.count.compared.as_ref();
        let found = compared.map(|it| (difference(&self.count.list, &it.stock, line), it));
        let (state, stock, difference) = match found {
            None => (StockState::Hidden, String::new(), String::new()),
            Some((Ok((stock, difference)), _)) => {
                let sign = if difference > 0 { "+" } else { "" };
                let state = if difference == 0 { StockState::Equal } else { StockState::Differs };
                (state, in_unit(stock), format!("{sign}{}", in_unit(difference)))
            }
            Some((Err(state), it)) => {
                let stock = it.stock.get(&line.article).map(|stock| in_unit(*stock));
                (state, stock.unwrap_or_default(), String::new())
            }
        };
        CountRow {
            id: line.id.to_string(),
            name: line.name.clone(),
            code: line.gtin.map(domain::gtin::Gtin::display_digits).unwrap_or_default(),
            quantity: self.formatter.quantity(line.quantity),
            quantity_value: line.quantity.amount,
            is_countable: line.quantity.unit == Unit::Piece,
            state,
            stock,
            difference,
            is_fresh: self.count.fresh == Some(line.id),
        }
    }

    /// Nothing while another view is in front: a sale does not pay for a list that nobody looks at.
    pub(super) fn count_screen(&self) -> CountScreen {
        let state = &self.count;
        if self.view != View::Count {
            return CountScreen::default();
        }
        let (differs, unknown) = state.compared.as_ref().map_or((0, 0), |it| it.counts);
        let since = |head: &CountHead| self.formatter.date_time(self.shown_ms(head.begun_at));
        CountScreen {
            lines: self
                .ordered()
                .skip(state.page * PAGE_LINES)
                .take(PAGE_LINES)
                .map(|line| self.count_row(line))
                .collect(),
            page: state.page as u32,
            page_count: self.page_count() as u32,
            article_count: state.list.len() as u32,
            piece_count: u32::try_from(state.list.piece_count()).unwrap_or(u32::MAX),
            begun_by: state.head.as_ref().map(|head| head.name.clone()).unwrap_or_default(),
            begun_at: state.head.as_ref().map(since).unwrap_or_default(),
            is_of_other: self.is_count_of_other(),
            can_undo: state.list.can_undo(),
            is_comparing: state.compared.is_some(),
            differs,
            unknown,
            can_take_picture: self.has_camera(),
            is_looking: state.asked_ms.is_some(),
            is_all_in_view: state.is_all_in_view,
            picture: state.picture.clone(),
            is_printing: state.is_printing,
        }
    }
}

/// Stock and how far what was counted is from it, or why that cannot be said.
fn difference(
    list: &CountList,
    stock: &HashMap<ArticleId, i64>,
    line: &CountLine,
) -> Result<(i64, i64), StockState> {
    let stock = *stock.get(&line.article).ok_or(StockState::Unknown)?;
    let counted = list.comparable(line).ok_or(StockState::OtherUnit)?;
    Ok((stock, counted.amount.saturating_sub(stock)))
}

pub(super) fn of_count_error(error: CountError) -> Message {
    match error {
        CountError::UnknownLine => Message::error("count-line-gone", &[]),
        CountError::Quantity(amount) => Message::error("quantity-invalid", &[&amount.to_string()]),
        CountError::Full => Message::error("count-full", &[&CountList::LINES_MAX.to_string()]),
    }
}
