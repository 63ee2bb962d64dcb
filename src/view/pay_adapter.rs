//! Pay: digits and offered amounts out, what is due, given and to be given back in.

use super::Send;
use super::model::sync_rows;
use crate::app::intent::Intent;
use crate::app::screen::PayScreen;
use crossroads_ui::{App, PayAdapter};
use slint::{ComponentHandle, SharedString};

pub fn connect(app: &App, send: &Send) {
    let pay = app.global::<PayAdapter>();
    let digit = Send::clone(send);
    pay.on_digit(move |value| {
        if let Ok(value) = u8::try_from(value) {
            digit(Intent::CashDigit(value));
        }
    });
    let quick = Send::clone(send);
    pay.on_quick_chosen(move |position| {
        if let Ok(position) = usize::try_from(position) {
            quick(Intent::CashQuick(position));
        }
    });
    let double_zero = Send::clone(send);
    pay.on_double_zero(move || double_zero(Intent::CashDoubleZero));
    let erase = Send::clone(send);
    pay.on_erase(move || erase(Intent::CashErase));
    let take = Send::clone(send);
    pay.on_take(move || take(Intent::TakeCash));
    let cancel = Send::clone(send);
    pay.on_cancel(move || cancel(Intent::CancelPay));
}

pub fn show(app: &App, screen: &PayScreen) {
    let pay = app.global::<PayAdapter>();
    pay.set_due(screen.due.as_str().into());
    pay.set_due_rounded(screen.due_rounded.as_str().into());
    pay.set_given(screen.given.as_str().into());
    pay.set_open(screen.open.as_str().into());
    pay.set_change(screen.change.as_str().into());
    pay.set_is_covered(screen.is_covered);
    pay.set_is_busy(screen.is_busy);
    let quick = screen.quick.iter().map(SharedString::from).collect();
    if let Some(model) = sync_rows(&pay.get_quick(), quick) {
        pay.set_quick(model);
    }
}
