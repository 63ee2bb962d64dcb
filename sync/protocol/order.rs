//! Orders on the wire: `order.placed` and `order.paid`, version 1. Amounts are integers of the
//! minor unit.

use super::event::DecodeError;
use domain::gtin::Gtin;
use domain::id::{ArticleId, CustomerId, LineId, OrderId, ShiftId, StaffId, StoreId, TenderId};
use domain::money::{Currency, Money};
use domain::order::{Address, Delivery, Fulfilment, Order, OrderLine};
use domain::quantity::Quantity;
use domain::tax::{TaxAmount, TaxRate};
use domain::tender::{Tender, TenderKind};
use domain::time::{CentralTime, DeviceTime, Slot};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBody {
    /// Identity.
    pub id: Uuid,
    /// Article.
    pub article: Uuid,
    /// GTIN scanned, fourteen digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// Name on the receipt.
    pub name: String,
    /// Count of `unit`.
    pub quantity: i64,
    /// `piece`, `g`, `ml` or `mm`.
    pub unit: String,
    /// Price of a piece, kg, l or m.
    pub unit_price_minor: i64,
    /// Price of the line.
    pub total_minor: i64,
    /// Tax group.
    pub tax_group: String,
    /// Price list version.
    pub price_version: u64,
    /// `carry`, `pickup` or `deliver`.
    pub fulfilment: String,
}

/// One tax of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxBody {
    /// Name.
    pub name: String,
    /// Parts per million.
    pub rate_ppm: u32,
    /// Net base.
    pub base_minor: i64,
    /// Tax.
    pub amount_minor: i64,
}

/// Where and when an order is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryBody {
    /// Recipient.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// Postal code.
    pub postal_code: String,
    /// Town.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Phone for the driver.
    #[serde(default)]
    pub phone: String,
    /// Words for the driver.
    #[serde(default)]
    pub note: String,
    /// Slot, milliseconds since 1970 UTC.
    pub slot_start_ms: i64,
    /// Slot, milliseconds since 1970 UTC.
    pub slot_end_ms: i64,
    /// Fee.
    pub fee_minor: i64,
    /// Tax group of the fee.
    pub fee_tax_group: String,
}

/// `order.placed`, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlacedBody {
    /// Identity.
    pub order: Uuid,
    /// Receipt number.
    pub number: String,
    /// Store.
    pub store: Uuid,
    /// Shift.
    pub shift: Uuid,
    /// Who took it.
    pub staff: Uuid,
    /// Who bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Uuid>,
    /// Device clock, milliseconds since 1970 UTC.
    pub placed_at_ms: i64,
    /// ISO 4217.
    pub currency: String,
    /// Lines.
    pub lines: Vec<LineBody>,
    /// Delivery, if lines are delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryBody>,
    /// Taxes.
    pub taxes: Vec<TaxBody>,
    /// To be paid.
    pub total_minor: i64,
}

/// One tender of `order.paid`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenderBody {
    /// Identity.
    pub id: Uuid,
    /// `cash`.
    pub kind: String,
    /// Given by the customer.
    pub given_minor: i64,
    /// Given back.
    pub change_minor: i64,
}

/// `order.paid`, version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPaidBody {
    /// Which order.
    pub order: Uuid,
    /// ISO 4217.
    pub currency: String,
    /// The order's total.
    pub due_minor: i64,
    /// Cash rounding.
    pub rounding_minor: i64,
    /// Tenders.
    pub tenders: Vec<TenderBody>,
}

fn delivery_from(delivery: &Delivery) -> DeliveryBody {
    let address = delivery.address.clone();
    DeliveryBody {
        name: address.name,
        street: address.street,
        postal_code: address.postal_code,
        city: address.city,
        country: address.country,
        phone: delivery.phone.clone(),
        note: delivery.note.clone(),
        slot_start_ms: delivery.slot.start.0,
        slot_end_ms: delivery.slot.end.0,
        fee_minor: delivery.fee.minor(),
        fee_tax_group: delivery.fee_tax_group.clone(),
    }
}

fn line_from(line: &OrderLine) -> LineBody {
    LineBody {
        id: line.id.uuid(),
        article: line.article.uuid(),
        gtin: line.gtin.map(Gtin::to_gtin14),
        name: line.name.clone(),
        quantity: line.quantity.amount,
        unit: line.quantity.unit.name().into(),
        unit_price_minor: line.unit_price.minor(),
        total_minor: line.total.minor(),
        tax_group: line.tax_group.clone(),
        price_version: line.price_version,
        fulfilment: line.fulfilment.name().into(),
    }
}

impl OrderPlacedBody {
    /// The wire form of an order.
    pub fn from_domain(order: &Order) -> Self {
        let tax = |tax: &TaxAmount| TaxBody {
            name: tax.rate.name.clone(),
            rate_ppm: tax.rate.rate_ppm,
            base_minor: tax.base.minor(),
            amount_minor: tax.amount.minor(),
        };
        Self {
            order: order.id.uuid(),
            number: order.number.clone(),
            store: order.store.uuid(),
            shift: order.shift.uuid(),
            staff: order.staff.uuid(),
            customer: order.customer.map(CustomerId::uuid),
            placed_at_ms: order.placed_at.0,
            currency: order.total.currency().code().into(),
            lines: order.lines.iter().map(line_from).collect(),
            delivery: order.delivery.as_ref().map(delivery_from),
            taxes: order.taxes.iter().map(tax).collect(),
            total_minor: order.total.minor(),
        }
    }

    /// The order, if every field has a meaning.
    pub fn into_domain(self) -> Result<Order, DecodeError> {
        let currency = currency(&self.currency)?;
        let lines = self.lines.into_iter().map(|line| line.into_domain(currency));
        let tax = |tax: TaxBody| TaxAmount {
            rate: TaxRate { name: tax.name, rate_ppm: tax.rate_ppm },
            base: Money::new(tax.base_minor, currency),
            amount: Money::new(tax.amount_minor, currency),
        };
        Ok(Order {
            id: OrderId::from_uuid(self.order),
            number: self.number,
            store: StoreId::from_uuid(self.store),
            shift: ShiftId::from_uuid(self.shift),
            staff: StaffId::from_uuid(self.staff),
            customer: self.customer.map(CustomerId::from_uuid),
            placed_at: DeviceTime(self.placed_at_ms),
            lines: lines.collect::<Result<_, _>>()?,
            delivery: self.delivery.map(|delivery| delivery.into_domain(currency)),
            taxes: self.taxes.into_iter().map(tax).collect(),
            total: Money::new(self.total_minor, currency),
        })
    }
}

fn currency(code: &str) -> Result<Currency, DecodeError> {
    code.parse().map_err(|_| DecodeError::Field("currency"))
}

impl LineBody {
    fn into_domain(self, currency: Currency) -> Result<OrderLine, DecodeError> {
        let unit = self.unit.parse().map_err(|_| DecodeError::Field("unit"))?;
        let gtin = self.gtin.as_deref().map(Gtin::parse).transpose();
        Ok(OrderLine {
            id: LineId::from_uuid(self.id),
            article: ArticleId::from_uuid(self.article),
            gtin: gtin.map_err(|_| DecodeError::Field("gtin"))?,
            name: self.name,
            quantity: Quantity::new(self.quantity, unit),
            unit_price: Money::new(self.unit_price_minor, currency),
            total: Money::new(self.total_minor, currency),
            tax_group: self.tax_group,
            price_version: self.price_version,
            fulfilment: Fulfilment::from_name(&self.fulfilment)
                .ok_or(DecodeError::Field("fulfilment"))?,
        })
    }
}

impl DeliveryBody {
    fn into_domain(self, currency: Currency) -> Delivery {
        Delivery {
            address: Address {
                name: self.name,
                street: self.street,
                postal_code: self.postal_code,
                city: self.city,
                country: self.country,
            },
            phone: self.phone,
            note: self.note,
            slot: Slot {
                start: CentralTime(self.slot_start_ms),
                end: CentralTime(self.slot_end_ms),
            },
            fee: Money::new(self.fee_minor, currency),
            fee_tax_group: self.fee_tax_group,
        }
    }
}

impl OrderPaidBody {
    /// The wire form of a payment.
    pub fn from_domain(order: OrderId, due: Money, rounding: Money, tenders: &[Tender]) -> Self {
        let tender = |tender: &Tender| TenderBody {
            id: tender.id.uuid(),
            kind: tender.kind.name().into(),
            given_minor: tender.given.minor(),
            change_minor: tender.change.minor(),
        };
        Self {
            order: order.uuid(),
            currency: due.currency().code().into(),
            due_minor: due.minor(),
            rounding_minor: rounding.minor(),
            tenders: tenders.iter().map(tender).collect(),
        }
    }

    /// Due, rounding and tenders, if every field has a meaning.
    pub fn into_domain(self) -> Result<(Money, Money, Vec<Tender>), DecodeError> {
        let currency = currency(&self.currency)?;
        let tender = |tender: TenderBody| match tender.kind.as_str() {
            "cash" => Ok(Tender {
                id: TenderId::from_uuid(tender.id),
                kind: TenderKind::Cash,
                given: Money::new(tender.given_minor, currency),
                change: Money::new(tender.change_minor, currency),
            }),
            _ => Err(DecodeError::Field("kind")),
        };
        let tenders = self.tenders.into_iter().map(tender).collect::<Result<_, _>>()?;
        let (due, rounding) = (self.due_minor, self.rounding_minor);
        Ok((Money::new(due, currency), Money::new(rounding, currency), tenders))
    }
}
