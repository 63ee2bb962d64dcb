//! A basket that is brought home: address, slot, fee; paid on delivery.

use super::intent::{DeliveryField, Intent, View};
use super::screen::{DeliveryScreen, Message, SlotRow};
use super::terminal::Terminal;
use domain::id::{BasketId, CustomerId};
use domain::money::Money;
use domain::order::{Address, Delivery, Fulfilment};
use domain::pricing::price;
use domain::store::{SlotRule, StoreConfig};
use domain::time::{CentralTime, Slot};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use store::StoreError;

/// How far ahead slots are offered.
const DAYS_AHEAD: i64 = 7;
/// How many slots are offered.
const SLOTS_MAX: usize = 8;
/// The longest text of one field.
const FIELD_MAX: usize = 120;

/// State of the delivery view.
#[derive(Default)]
pub struct DeliveryState {
    addresses: Vec<Address>,
    chosen: Option<usize>,
    address: Address,
    phone: String,
    note: String,
    slots: Vec<OfferedSlot>,
    slot: Option<usize>,
    /// Whose basket it was begun for: what was typed is kept for the same one only.
    basket: Option<(BasketId, Option<CustomerId>)>,
}

impl DeliveryState {
    /// Offers new slots; the chosen one stays chosen if it is still among them.
    fn offer(&mut self, slots: Vec<OfferedSlot>) {
        let chosen = self.slot.and_then(|position| self.slots.get(position)).copied();
        self.slot = chosen.and_then(|chosen| slots.iter().position(|slot| *slot == chosen));
        self.slots = slots;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OfferedSlot {
    slot: Slot,
    fee_minor: i64,
}

impl Terminal {
    pub(super) fn delivery_intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        match intent {
            Intent::Deliver => self.start_delivery(),
            _ if self.view != View::Delivery => Ok(()),
            Intent::DeliveryField(field, text) => {
                self.set_field(field, text.chars().take(FIELD_MAX).collect());
                Ok(())
            }
            Intent::ChooseAddress(position) => {
                if let Some(address) = self.delivery.addresses.get(position) {
                    self.delivery.address = address.clone();
                    self.delivery.chosen = Some(position);
                }
                Ok(())
            }
            Intent::ChooseSlot(position) => {
                if position < self.delivery.slots.len() {
                    self.delivery.slot = Some(position);
                }
                Ok(())
            }
            Intent::ConfirmDelivery => self.confirm_delivery(),
            _ => Ok(()),
        }
    }

    fn start_delivery(&mut self) -> Result<(), StoreError> {
        let Some(basket) = self.sell.basket.as_ref().filter(|basket| !basket.is_empty()) else {
            self.say(Message::warning("nothing-to-pay", &[]));
            return Ok(());
        };
        let owner = Some((basket.id, basket.customer));
        let now = self.central_now();
        let slots =
            self.config.as_ref().map(|config| offered_slots(config, now)).unwrap_or_default();
        if self.delivery.basket == owner {
            self.delivery.offer(slots);
            self.hush();
            self.go(View::Delivery);
            return Ok(());
        }
        let customer = match basket.customer {
            Some(id) => self.parts.store.customer(id)?,
            None => None,
        };
        let (addresses, phone, name) = customer
            .map(|customer| {
                let phone = customer.phones.first().cloned().unwrap_or_default();
                (customer.addresses, phone, customer.name)
            })
            .unwrap_or_default();
        let address = addresses.first().cloned().unwrap_or(Address { name, ..Default::default() });
        self.delivery = DeliveryState {
            chosen: (!addresses.is_empty()).then_some(0),
            addresses,
            address,
            phone,
            note: String::new(),
            slot: None,
            slots,
            basket: owner,
        };
        self.hush();
        self.go(View::Delivery);
        Ok(())
    }

    fn set_field(&mut self, field: DeliveryField, text: String) {
        let state = &mut self.delivery;
        if !matches!(field, DeliveryField::Phone | DeliveryField::Note) {
            state.chosen = None;
        }
        match field {
            DeliveryField::Name => state.address.name = text,
            DeliveryField::Street => state.address.street = text,
            DeliveryField::PostalCode => state.address.postal_code = text,
            DeliveryField::City => state.address.city = text,
            DeliveryField::Phone => state.phone = text,
            DeliveryField::Note => state.note = text,
        }
    }

    fn missing_field(&self) -> Option<&'static str> {
        let state = &self.delivery;
        let fields = [
            ("name", &state.address.name),
            ("street", &state.address.street),
            ("postal-code", &state.address.postal_code),
            ("city", &state.address.city),
        ];
        let missing = fields.iter().find(|(_, text)| text.trim().is_empty()).map(|row| row.0);
        missing.or_else(|| state.slot.is_none().then_some("slot"))
    }

    fn delivery(&self) -> Option<Delivery> {
        let (state, config) = (&self.delivery, self.config.as_ref()?);
        let offered = state.slots.get(state.slot?)?;
        let trimmed = |text: &str| text.trim().to_owned();
        let country = match state.address.country.as_str() {
            "" => config.country.clone(),
            known => known.to_owned(),
        };
        Some(Delivery {
            address: Address {
                name: trimmed(&state.address.name),
                street: trimmed(&state.address.street),
                postal_code: trimmed(&state.address.postal_code),
                city: trimmed(&state.address.city),
                country,
            },
            phone: trimmed(&state.phone),
            note: trimmed(&state.note),
            slot: offered.slot,
            fee: Money::new(offered.fee_minor, config.currency),
            fee_tax_group: config.delivery_tax_group.clone(),
        })
    }

    fn confirm_delivery(&mut self) -> Result<(), StoreError> {
        // The view may have stood open since yesterday: only a slot that is still offered can be promised.
        let now = self.central_now();
        if let Some(config) = &self.config {
            self.delivery.offer(offered_slots(config, now));
        }
        if let Some(field) = self.missing_field() {
            self.say(Message::warning("delivery-incomplete", &[field]));
            return Ok(());
        }
        self.set_fulfilment(Fulfilment::Deliver)?;
        let (Some(delivery), Some(config), Some(basket)) =
            (self.delivery(), self.config.as_ref(), self.sell.basket.as_ref())
        else {
            return Ok(());
        };
        let Ok(priced) = price(basket, Some(&delivery), &config.taxes) else {
            self.say(Message::error("no-price", &[]));
            return Ok(());
        };
        if let Some(committed) = self.commit(priced, Some(delivery), None)? {
            self.delivery = DeliveryState::default();
            let number = committed.order.number.clone();
            self.show_receipt(committed, None)?;
            self.say(Message::success("order-placed", &[&number]));
        }
        Ok(())
    }

    pub(super) fn slot_text(&self, slot: &Slot) -> String {
        let (start, end) = (slot.start.0, slot.end.0);
        let format = &self.formatter;
        format!("{}, {}–{}", format.day(start), format.time(start), format.time(end))
    }

    pub(super) fn delivery_screen(&self) -> DeliveryScreen {
        if self.view != View::Delivery {
            return DeliveryScreen::default();
        }
        let (state, format) = (&self.delivery, &self.formatter);
        let (Some(config), Some(basket)) = (&self.config, &self.sell.basket) else {
            return DeliveryScreen::default();
        };
        let delivery = self.delivery();
        let goods = price(basket, None, &config.taxes).ok().map(|priced| priced.total);
        let total = price(basket, delivery.as_ref(), &config.taxes).ok().map(|p| p.total);
        let line = |address: &Address| {
            format!("{}, {} {}", address.street, address.postal_code, address.city)
        };
        let slot_row = |(position, offered): (usize, &OfferedSlot)| SlotRow {
            day: format.day(offered.slot.start.0),
            hours: format!(
                "{}–{}",
                format.time(offered.slot.start.0),
                format.time(offered.slot.end.0)
            ),
            fee: fee_text(format, offered.fee_minor, config),
            is_chosen: state.slot == Some(position),
        };
        let missing = self.missing_field().unwrap_or_default();
        DeliveryScreen {
            addresses: state.addresses.iter().map(line).collect(),
            address_chosen: state.chosen.map_or(-1, |position| position as i32),
            name: state.address.name.clone(),
            street: state.address.street.clone(),
            postal_code: state.address.postal_code.clone(),
            city: state.address.city.clone(),
            phone: state.phone.clone(),
            note: state.note.clone(),
            slots: state.slots.iter().enumerate().map(slot_row).collect(),
            goods: goods.map(|money| format.money(money)).unwrap_or_default(),
            fee: delivery.map(|d| fee_text(format, d.fee.minor(), config)).unwrap_or_default(),
            total: total.map(|money| format.money(money)).unwrap_or_default(),
            missing: missing.to_owned(),
            is_complete: missing.is_empty(),
        }
    }
}

/// A fee, or nothing when it is free: the view says "free" in its language.
fn fee_text(format: &super::format::Formatter, minor: i64, config: &StoreConfig) -> String {
    if minor == 0 {
        return String::new();
    }
    format.money(Money::new(minor, config.currency))
}

/// The next slots of a store's weekly plan whose cutoff has not passed, soonest first.
fn offered_slots(config: &StoreConfig, now: CentralTime) -> Vec<OfferedSlot> {
    let zone = TimeZone::get(&config.time_zone).unwrap_or(TimeZone::UTC);
    let Ok(timestamp) = jiff::Timestamp::from_millisecond(now.0) else {
        return Vec::new();
    };
    let today = timestamp.to_zoned(zone.clone()).date();
    let mut slots: Vec<OfferedSlot> = (0..=DAYS_AHEAD)
        .filter_map(|days| today.checked_add(days.days()).ok())
        .flat_map(|day| {
            let weekday = day.weekday().to_monday_one_offset() as u8;
            let rules = config.slots.iter().filter(move |rule| rule.weekday == weekday);
            rules.filter_map(|rule| slot_on(rule, day, &zone)).collect::<Vec<_>>()
        })
        .filter(|(offered, cutoff_ms)| offered.slot.start.0 - cutoff_ms > now.0)
        .map(|(offered, _)| offered)
        .collect();
    slots.sort_by_key(|offered| offered.slot.start);
    slots.truncate(SLOTS_MAX);
    slots
}

/// A rule on one day: local wall time, so that a change to summer time moves no delivery.
fn slot_on(rule: &SlotRule, day: jiff::civil::Date, zone: &TimeZone) -> Option<(OfferedSlot, i64)> {
    let at = |minute: u16| {
        let (hour, minute) = ((minute / 60) as i8, (minute % 60) as i8);
        let time = jiff::civil::Time::new(hour, minute, 0, 0).ok()?;
        let zoned = day.to_datetime(time).to_zoned(zone.clone()).ok()?;
        Some(CentralTime(zoned.timestamp().as_millisecond()))
    };
    let slot = Slot { start: at(rule.start_minute)?, end: at(rule.end_minute)? };
    let cutoff_ms = i64::from(rule.cutoff_minutes) * 60_000;
    Some((OfferedSlot { slot, fee_minor: rule.fee_minor }, cutoff_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::StoreId;
    use domain::money::Currency;
    use domain::pricing::TaxTable;

    fn config() -> StoreConfig {
        let rule = |weekday, start_minute| SlotRule {
            weekday,
            start_minute,
            end_minute: start_minute + 120,
            fee_minor: 590,
            cutoff_minutes: 180,
        };
        StoreConfig {
            id: StoreId::from_uuid(uuid::Uuid::nil()),
            code: "S001".into(),
            name: "Bern".into(),
            address: String::new(),
            country: "CH".into(),
            currency: Currency::CHF,
            time_zone: "Europe/Zurich".into(),
            smallest_coin_minor: 5,
            notes_minor: vec![],
            taxes: TaxTable::default(),
            slots: (1..=6).flat_map(|day| [rule(day, 600), rule(day, 1080)]).collect(),
            delivery_tax_group: "standard".into(),
            label_layouts: vec![],
            code_keys: vec![],
        }
    }

    #[test]
    fn slots_respect_cutoff_sunday_and_summer_time() {
        // Saturday 2026-03-28 13:00 UTC is 14:00 in Zurich; the night after, clocks go forward.
        let now = CentralTime(1_774_702_800_000);
        let slots = offered_slots(&config(), now);
        assert_eq!(slots.len(), SLOTS_MAX);
        // Today 18:00 local (17:00 UTC) is still possible, 10:00 is past.
        assert_eq!(slots[0].slot.start.0, now.0 + 4 * 3_600_000);
        // Nothing on Sunday; Monday 10:00 local is 08:00 UTC in summer time.
        assert_eq!(slots[1].slot.start.0, now.0 + 43 * 3_600_000);
    }

    #[test]
    fn an_absurd_clock_offers_nothing_and_does_not_panic() {
        assert!(offered_slots(&config(), CentralTime(i64::MAX)).is_empty());
    }
}
