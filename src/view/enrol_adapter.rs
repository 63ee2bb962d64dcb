//! Enrol: the address and the code are typed here and leave together; only a scan or a start value fills them.

use super::Send;
use crate::app::intent::Intent;
use crate::app::screen::EnrolScreen;
use crossroads_ui::{App, EnrolAdapter};
use slint::ComponentHandle;

pub fn connect(app: &App, send: &Send) {
    let back = Send::clone(send);
    app.global::<EnrolAdapter>().on_back(move || back(Intent::Back));
    let send = Send::clone(send);
    app.global::<EnrolAdapter>().on_enrol(move |central, code| {
        send(Intent::Enrol { central: central.trim().into(), code: code.trim().into() });
    });
}

pub fn show(app: &App, screen: &EnrolScreen, old: Option<&EnrolScreen>) {
    let enrol = app.global::<EnrolAdapter>();
    if old.is_none_or(|old| old.central != screen.central) {
        enrol.set_central(screen.central.as_str().into());
    }
    if old.is_none_or(|old| old.code != screen.code) {
        enrol.set_code(screen.code.as_str().into());
    }
    enrol.set_is_busy(screen.is_busy);
    enrol.set_is_again(screen.is_again);
    enrol.set_confirmation(screen.confirmation.as_str().into());
}
