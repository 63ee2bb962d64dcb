//! A code that is read while goods are counted: an article is counted, and of everything else is said what it is and
//! what to do. No code leaves the view, opens something or touches the basket.
//!
//! What a code stands for is decided as at the till: the same numbers, labels and dates.

use super::count::of_count_error;
use super::scanned::{is_mistyped, label_of, shown};
use super::screen::{Message, ScanOutcome};
use super::terminal::Terminal;
use domain::basket::labelled;
use domain::code::{Code, Day, Meaning, NotRung, OwnKind};
use domain::count::Counted;
use domain::quantity::Unit;
use store::StoreError;

/// More scans of the aimed camera than fit into the time before a picture.
const AIMED_MAX: usize = 16;

/// What a code means to a count.
pub(super) enum Judged {
    /// A pack, the day that its best-before date was, if that is over, and what else is to be said of it.
    Counts(Box<Counted>, Option<Day>, Note),
    /// Nothing that is counted.
    Not(Uncounted, ScanOutcome, Message),
}

/// What is said of a pack that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Nothing.
    Plain,
    /// It is a case of so many pieces.
    Case(u16),
    /// It is weighed or measured, and the code does not say how much: one trade unit is taken for it.
    Unweighed,
}

/// Why something is not counted, as far as a picture tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uncounted {
    /// Nothing here knows it.
    Unknown,
    /// Its last day is over.
    Expired,
    /// It is known, and no single pack.
    Other,
}

impl Terminal {
    /// Takes a code while goods are counted.
    pub(super) fn count_scanned(&mut self, code: &Code) -> Result<(), StoreError> {
        if self.count.is_by_camera && self.count.is_all_in_view {
            // It is composed with and not aimed: what it passes is counted by the picture.
            return Ok(());
        }
        self.put_picture_away();
        self.sell.last_code = shown(code);
        match self.judge(code)? {
            Judged::Counts(pack, over, note) => self.count_pack(&pack, over, note),
            Judged::Not(_, outcome, message) => {
                self.outcome(outcome);
                self.say(message);
                Ok(())
            }
        }
    }

    fn has_picture(&self) -> bool {
        self.count.picture.is_some()
    }

    fn count_pack(
        &mut self,
        pack: &Counted,
        over: Option<Day>,
        note: Note,
    ) -> Result<(), StoreError> {
        let step = self.count.list.plan_add(std::slice::from_ref(pack), self.parts.ids.as_mut());
        let step = match step {
            Ok(step) => step,
            Err(error) => {
                self.outcome(ScanOutcome::Refused);
                self.say(of_count_error(error));
                return Ok(());
            }
        };
        let is_again = step.first().is_some_and(|change| change.before.is_some());
        let line = step.first().map(|change| change.line);
        self.keep_step(step)?;
        self.count.fresh = line;
        if self.count.is_by_camera {
            if self.count.aimed.len() == AIMED_MAX {
                self.count.aimed.pop_front();
            }
            self.count.aimed.push_back((self.parts.clock.monotonic_ms(), pack.clone()));
        } else {
            self.count.aimed.clear();
        }
        self.outcome(if is_again { ScanOutcome::Again } else { ScanOutcome::Added });
        self.hush();
        if let Some(day) = over {
            let day = self.day(day);
            self.say(Message::warning("count-best-before", &[&pack.name, &day]));
            return Ok(());
        }
        match note {
            Note::Plain => {}
            Note::Case(pieces) => {
                self.say(Message::information("case-added", &[&pack.name, &pieces.to_string()]));
            }
            Note::Unweighed => {
                let quantity = self.formatter.quantity(pack.quantity);
                self.say(Message::warning("count-unweighed", &[&pack.name, &quantity]));
            }
        }
        Ok(())
    }

    /// Another symbol of the pack that was just counted: it counts nothing, but what it says of the last day is told.
    pub(super) fn count_same_pack(&mut self, code: &Code) -> Result<(), StoreError> {
        if self.count.asked_ms.is_some() || self.has_picture() {
            return Ok(());
        }
        match self.judge(code)? {
            Judged::Not(Uncounted::Expired, _, message) => {
                let day = message.arguments.first().cloned().unwrap_or_default();
                self.outcome(ScanOutcome::TakeOut);
                self.say(Message::error("count-expired-same-pack", &[&day]));
            }
            Judged::Counts(pack, Some(day), _) => {
                let day = self.day(day);
                self.say(Message::warning("count-best-before", &[&pack.name, &day]));
            }
            Judged::Counts(..) | Judged::Not(..) => {}
        }
        Ok(())
    }

    /// What a code means to a count. Changes nothing.
    pub(super) fn judge(&self, code: &Code) -> Result<Judged, StoreError> {
        if shown(code).is_empty() {
            return Ok(unknown(Message::error("count-code-empty", &[])));
        }
        match &code.meaning {
            Meaning::Own(own) => {
                return Ok(not_goods(match own.kind {
                    OwnKind::Receipt => "receipt",
                    OwnKind::Basket => "basket",
                    OwnKind::Badge => "badge",
                }));
            }
            Meaning::Enrolment { .. } => return Ok(not_goods("enrolment")),
            _ => {}
        }
        let Some(found) = self.ring(code) else {
            return Ok(refused(Message::error("no-staff-yet", &[])));
        };
        if let Ok(rung) = &found
            && let Some((article, is_labelled)) = self.article_of(rung)?
        {
            let (label, pieces) = label_of(&article, rung, is_labelled);
            if label.0.is_none() && article.is_several(rung.gtin) {
                return Ok(refused(Message::error("count-case", &[&article.name])));
            }
            let Ok((quantity, _)) = labelled(&article, label) else {
                return Ok(refused(Message::error("count-label", &[])));
            };
            // A list says the number of the article, not that of a case or of one label.
            let is_its_own = !article.is_several(rung.gtin) && article.gtins.contains(&rung.gtin);
            let number = article.piece_gtin().filter(|_| !is_its_own).unwrap_or(rung.gtin);
            let pack = Counted::new(&article, Some(number), quantity);
            let is_by_piece = quantity.unit == Unit::Piece;
            let note = match pieces {
                Some(pieces) => Note::Case(pieces),
                None if label.0.is_none() && !is_by_piece => Note::Unweighed,
                None => Note::Plain,
            };
            return Ok(Judged::Counts(Box::new(pack), rung.best_before, note));
        }
        if self.parts.store.customer_by_card(code.text.trim())?.is_some() {
            return Ok(not_goods("card"));
        }
        Ok(match found {
            Ok(_) => self.not_in_catalogue(code),
            Err(NotRung::Unknown) if is_mistyped(code) => {
                unknown(Message::error("digit-wrong", &[&shown(code)]))
            }
            Err(why) => self.not_countable(code, why),
        })
    }

    /// A number that the catalogue does not have.
    fn not_in_catalogue(&self, code: &Code) -> Judged {
        let (shown, percent) = (shown(code), self.first_sync_percent());
        if percent < 100 {
            return unknown(Message::warning("count-loading", &[&shown, &percent.to_string()]));
        }
        let has_layouts = self.config.as_ref().is_some_and(|c| !c.label_layouts.is_empty());
        if has_layouts && matches!(code.meaning, Meaning::Restricted(_)) {
            return unknown(Message::error("count-label", &[]));
        }
        unknown(Message::error("count-unknown", &[&shown]))
    }

    fn not_countable(&self, code: &Code, why: NotRung) -> Judged {
        match why {
            NotRung::Unknown | NotRung::Advertisement => self.not_in_catalogue(code),
            NotRung::Broken(fault) => {
                let ai = fault.ai.map(|ai| ai.to_string()).unwrap_or_default();
                let at = fault.position.to_string();
                refused(Message::error("count-label-faulty", &[&ai, &at]))
            }
            NotRung::Coupon => not_goods("coupon"),
            NotRung::RefundReceipt => not_goods("receipt"),
            NotRung::NoArticle(_) => not_goods("logistic"),
            NotRung::NoLayout => unknown(Message::error("count-label", &[])),
            NotRung::Empty | NotRung::OtherCurrency | NotRung::Inexact => {
                refused(Message::error("count-label", &[]))
            }
            NotRung::Expired(day) => {
                let message = Message::error("count-expired", &[&self.day(day)]);
                Judged::Not(Uncounted::Expired, ScanOutcome::Refused, message)
            }
            NotRung::PaymentCode => not_goods("payment"),
            NotRung::NewerOwn | NotRung::Own => not_goods("own"),
        }
    }
}

fn unknown(message: Message) -> Judged {
    Judged::Not(Uncounted::Unknown, ScanOutcome::Unknown, message)
}

fn refused(message: Message) -> Judged {
    Judged::Not(Uncounted::Other, ScanOutcome::Refused, message)
}

/// Something of the shop that is no goods; `kind` chooses the words.
fn not_goods(kind: &str) -> Judged {
    refused(Message::warning("count-not-goods", &[kind]))
}
