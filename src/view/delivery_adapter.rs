//! Delivery: fields out letter by letter, addresses, times and sums in.

use super::echo::Echo;
use super::model::sync_rows;
use super::{Fields, Send};
use crate::app::intent::{DeliveryField, Intent};
use crate::app::screen::{DeliveryScreen, SlotRow};
use crossroads_ui::{App, DeliveryAdapter, FieldKind, SlotData};
use slint::{ComponentHandle, SharedString};
use std::rc::Rc;

/// What each field sent and has not seen come back.
#[derive(Default)]
pub struct DeliveryEchoes {
    name: Echo,
    street: Echo,
    postal_code: Echo,
    city: Echo,
    phone: Echo,
    note: Echo,
}

impl DeliveryEchoes {
    fn of(&self, field: DeliveryField) -> &Echo {
        match field {
            DeliveryField::Name => &self.name,
            DeliveryField::Street => &self.street,
            DeliveryField::PostalCode => &self.postal_code,
            DeliveryField::City => &self.city,
            DeliveryField::Phone => &self.phone,
            DeliveryField::Note => &self.note,
        }
    }
}

pub fn connect(app: &App, send: &Send, fields: &Rc<Fields>) {
    let delivery = app.global::<DeliveryAdapter>();
    let (field_sent, fields) = (Send::clone(send), Rc::clone(fields));
    delivery.on_field(move |kind, text| {
        let field = field_of(kind);
        fields.delivery.of(field).sent(&text);
        field_sent(Intent::DeliveryField(field, text.into()));
    });
    macro_rules! on_position {
        ($callback:ident, $intent:expr) => {{
            let send = Send::clone(send);
            delivery.$callback(move |position| {
                if let Ok(position) = usize::try_from(position) {
                    send($intent(position));
                }
            });
        }};
    }
    on_position!(on_choose_address, Intent::ChooseAddress);
    on_position!(on_choose_slot, Intent::ChooseSlot);
    let confirm = Send::clone(send);
    delivery.on_confirm(move || confirm(Intent::ConfirmDelivery));
    let back = Send::clone(send);
    delivery.on_back(move || back(Intent::Back));
}

/// The first question again, when the view is entered.
pub fn start_over(app: &App) {
    let delivery = app.global::<DeliveryAdapter>();
    delivery.set_step(0);
    delivery.set_is_typing(false);
}

pub fn show(app: &App, screen: &DeliveryScreen, fields: &Fields) {
    let delivery = app.global::<DeliveryAdapter>();
    let addresses = screen.addresses.iter().map(SharedString::from).collect();
    if let Some(model) = sync_rows(&delivery.get_addresses(), addresses) {
        delivery.set_addresses(model);
    }
    if let Some(model) =
        sync_rows(&delivery.get_slots(), screen.slots.iter().map(map_slot).collect())
    {
        delivery.set_slots(model);
    }
    let chosen = screen.slots.iter().find(|slot| slot.is_chosen);
    delivery.set_is_slot_chosen(chosen.is_some());
    let slot_text = chosen.map(|slot| format!("{}, {}", slot.day, slot.hours)).unwrap_or_default();
    delivery.set_slot_text(slot_text.into());
    delivery.set_address_chosen(screen.address_chosen);
    delivery.set_goods(screen.goods.as_str().into());
    delivery.set_fee(screen.fee.as_str().into());
    delivery.set_total(screen.total.as_str().into());
    delivery.set_missing(screen.missing.as_str().into());
    delivery.set_is_complete(screen.is_complete);
    macro_rules! show_field {
        ($($field:ident => $set:ident;)*) => {$(
            if fields.delivery.$field.must_show(&screen.$field) {
                delivery.$set(screen.$field.as_str().into());
            }
        )*};
    }
    show_field! {
        name => set_name;
        street => set_street;
        postal_code => set_postal_code;
        city => set_city;
        phone => set_phone;
        note => set_note;
    }
}

fn map_slot(slot: &SlotRow) -> SlotData {
    SlotData {
        day: slot.day.as_str().into(),
        hours: slot.hours.as_str().into(),
        fee: slot.fee.as_str().into(),
        is_chosen: slot.is_chosen,
    }
}

fn field_of(kind: FieldKind) -> DeliveryField {
    match kind {
        FieldKind::Name => DeliveryField::Name,
        FieldKind::Street => DeliveryField::Street,
        FieldKind::PostalCode => DeliveryField::PostalCode,
        FieldKind::City => DeliveryField::City,
        FieldKind::Phone => DeliveryField::Phone,
        FieldKind::Note => DeliveryField::Note,
    }
}
