//! Sell: the basket, its tools, its sheets.

use super::Send;
use super::model::sync_rows;
use super::receipt_adapter::draw_code;
use super::shell_adapter::small;
use crate::app::intent::{Intent, Role, View};
use crate::app::qr;
use crate::app::screen::{LineRow, ParkedRow, ScanOutcome, SellScreen, TaxRow};
use crossroads_ui::{App, LineData, OutcomeKind, ParkedData, SellAdapter, TaxData};
use slint::{ComponentHandle, Model};

pub fn connect(app: &App, send: &Send) {
    let sell = app.global::<SellAdapter>();
    sell.on_position_of(|lines, id| {
        lines.iter().position(|line| line.id == id).map_or(-1, |at| i32::try_from(at).unwrap_or(-1))
    });
    macro_rules! on {
        ($callback:ident, $intent:expr) => {{
            let send = Send::clone(send);
            sell.$callback(move || send($intent));
        }};
        // The identity in a row is one that a screen brought, so what cannot be read is no row of ours.
        ($callback:ident, id, $intent:expr) => {{
            let send = Send::clone(send);
            sell.$callback(move |id| {
                if let Ok(id) = id.parse() {
                    send($intent(id));
                }
            });
        }};
        ($callback:ident, id, number, $intent:expr) => {{
            let send = Send::clone(send);
            sell.$callback(move |id, number| {
                if let Ok(id) = id.parse() {
                    send($intent(id, i64::from(number)));
                }
            });
        }};
    }
    let typed = Send::clone(send);
    sell.on_typed(move |code| typed(Intent::Typed(code.into())));
    let weak = app.as_weak();
    sell.on_show_basket_code(move |basket| {
        if let Some(app) = weak.upgrade() {
            let sell = app.global::<SellAdapter>();
            sell.set_shown_code(draw_code(&qr::rows(&basket.code)));
            sell.set_shown_basket(basket);
        }
    });
    on!(on_set_quantity, id, number, Intent::SetQuantity);
    on!(on_step_quantity, id, number, Intent::StepQuantity);
    on!(on_remove_line, id, Intent::RemoveLine);
    on!(on_resume, id, Intent::Resume);
    on!(on_open_customer, id, Intent::OpenCustomer);
    on!(on_undo, Intent::Undo);
    on!(on_park, Intent::Park);
    on!(on_clear, Intent::ClearBasket);
    on!(on_pay, Intent::Pay);
    on!(on_deliver, Intent::Deliver);
    on!(on_hand_over, Intent::SetRole(Role::Customer));
    on!(on_count, Intent::Open(View::Count));
    on!(on_find_customer, Intent::Open(View::Customers));
    on!(on_find_article, Intent::Open(View::Articles));
    on!(on_search_last_code, Intent::Open(View::Articles));
}

pub fn show(app: &App, screen: &SellScreen) {
    let sell = app.global::<SellAdapter>();
    let lines = screen.lines.iter().map(map_line).collect();
    if let Some(model) = sync_rows(&sell.get_lines(), lines) {
        sell.set_lines(model);
    }
    if let Some(model) = sync_rows(&sell.get_taxes(), map_taxes(&screen.taxes)) {
        sell.set_taxes(model);
    }
    if let Some(model) =
        sync_rows(&sell.get_parked(), screen.parked.iter().map(map_parked).collect())
    {
        sell.set_parked(model);
    }
    // A basket that is taken up, or sealed anew, must not be offered any longer.
    let shown = sell.get_shown_basket();
    if !screen.parked.iter().any(|row| shown.id == row.id && shown.code == row.code) {
        sell.set_shown_basket(ParkedData::default());
    }
    sell.set_item_count(small(screen.item_count));
    sell.set_total(screen.total.as_str().into());
    sell.set_total_amount(screen.total_amount.as_str().into());
    sell.set_currency(screen.currency.as_str().into());
    sell.set_customer(screen.customer.as_str().into());
    sell.set_customer_id(screen.customer_id.as_str().into());
    sell.set_can_undo(screen.can_undo);
    sell.set_last_code(screen.last_code.as_str().into());
    sell.set_outcome(match screen.outcome {
        ScanOutcome::None => OutcomeKind::None,
        ScanOutcome::Added => OutcomeKind::Added,
        ScanOutcome::Again => OutcomeKind::Again,
        ScanOutcome::Unknown => OutcomeKind::Unknown,
        ScanOutcome::Refused => OutcomeKind::Refused,
        ScanOutcome::TakeOut => OutcomeKind::TakeOut,
    });
    sell.set_outcome_serial(small(screen.outcome_serial));
}

fn map_line(row: &LineRow) -> LineData {
    LineData {
        id: row.id.as_str().into(),
        name: row.name.as_str().into(),
        code: row.code.as_str().into(),
        quantity: row.quantity.as_str().into(),
        quantity_value: i32::try_from(row.quantity_value).unwrap_or(i32::MAX),
        is_countable: row.is_countable,
        unit_price: row.unit_price.as_str().into(),
        total: row.total.as_str().into(),
        is_fresh: row.is_fresh,
    }
}

fn map_parked(row: &ParkedRow) -> ParkedData {
    ParkedData {
        id: row.id.as_str().into(),
        title: row.title.as_str().into(),
        line_count: small(row.line_count),
        total: row.total.as_str().into(),
        time: row.time.as_str().into(),
        code: row.code.as_str().into(),
    }
}

/// Taxes of a basket or a receipt.
pub fn map_taxes(taxes: &[TaxRow]) -> Vec<TaxData> {
    let map = |row: &TaxRow| TaxData {
        name: row.name.as_str().into(),
        base: row.base.as_str().into(),
        amount: row.amount.as_str().into(),
        is_included: row.is_included,
    };
    taxes.iter().map(map).collect()
}
