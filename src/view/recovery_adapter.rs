//! What became of a damaged memory, and the way to enrol again.

use super::Send;
use super::shell_adapter::small;
use crate::app::intent::{Intent, View};
use crate::app::screen::RecoveryScreen;
use crossroads_ui::{App, RecoveryAdapter};
use slint::ComponentHandle;

pub fn connect(app: &App, send: &Send) {
    let recovery = app.global::<RecoveryAdapter>();
    let settle = Send::clone(send);
    recovery.on_acknowledge(move || settle(Intent::AcknowledgeRecovery));
    let enrol = Send::clone(send);
    recovery.on_open_enrol(move || enrol(Intent::Open(View::Enrol)));
    let open = Send::clone(send);
    recovery.on_open(move || open(Intent::Open(View::Recovery)));
    let back = Send::clone(send);
    recovery.on_back(move || back(Intent::Back));
}

pub fn show(app: &App, screen: &RecoveryScreen) {
    let recovery = app.global::<RecoveryAdapter>();
    recovery.set_is_open(screen.is_open);
    recovery.set_at(screen.at.as_str().into());
    recovery.set_orders(small(screen.orders));
    recovery.set_waiting(small(screen.waiting));
    recovery.set_missing(small(screen.missing));
    recovery.set_has_open_end(screen.has_open_end);
    recovery.set_articles(screen.articles.as_str().into());
    recovery.set_file(screen.file.as_str().into());
    recovery.set_is_enrolled(screen.is_enrolled);
    recovery.set_can_acknowledge(screen.can_acknowledge);
    recovery.set_needs_enrolment(screen.needs_enrolment);
    recovery.set_may_enrol_again(screen.may_enrol_again);
}
