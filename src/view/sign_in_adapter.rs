//! Sign in: people, dots, digits. The digits themselves never reach the window again.

use super::Send;
use super::model::sync_rows;
use super::shell_adapter::small;
use crate::app::intent::Intent;
use crate::app::screen::{SignInScreen, StaffChip};
use crossroads_ui::{App, SignInAdapter, StaffData};
use slint::ComponentHandle;

pub fn connect(app: &App, send: &Send) {
    let sign_in = app.global::<SignInAdapter>();
    let choose = Send::clone(send);
    sign_in.on_choose(move |id| {
        if let Ok(id) = id.parse() {
            choose(Intent::ChooseStaff(id));
        }
    });
    let digit = Send::clone(send);
    sign_in.on_digit(move |value| {
        if let Ok(value) = u8::try_from(value) {
            digit(Intent::PinDigit(value));
        }
    });
    let erase = Send::clone(send);
    sign_in.on_erase(move || erase(Intent::PinErase));
    let back = Send::clone(send);
    sign_in.on_back(move || back(Intent::Back));
}

pub fn show(app: &App, screen: &SignInScreen) {
    let sign_in = app.global::<SignInAdapter>();
    if let Some(model) =
        sync_rows(&sign_in.get_staff(), screen.staff.iter().map(map_staff).collect())
    {
        sign_in.set_staff(model);
    }
    let chosen = screen.staff.iter().find(|chip| chip.is_chosen);
    sign_in.set_chosen_name(chosen.map_or("", |chip| chip.name.as_str()).into());
    sign_in.set_pin_length(small(screen.pin_length));
    sign_in.set_pin_expected(small(screen.pin_expected));
    sign_in.set_attempts_left(screen.attempts_left.map_or(-1, small));
    sign_in.set_locked_seconds(small(screen.locked_seconds));
    sign_in.set_is_leaving_customer_role(screen.is_leaving_customer_role);
}

fn map_staff(chip: &StaffChip) -> StaffData {
    StaffData {
        id: chip.id.as_str().into(),
        number: chip.number.as_str().into(),
        name: chip.name.as_str().into(),
        initials: chip.initials.as_str().into(),
        is_chosen: chip.is_chosen,
    }
}
