//! Events on the wire: bytes that are written once, hashed, stored and sent as they are (invariant
//! 2).
//!
//! ```text
//! bytes = {"terminal":…,"epoch":0,"seq":7,"prev":"<hash of seq 6>","at_ms":…,"offset_ms":…,
//!          "hlc":"…","type":"order.paid","v":1,"body":{…}}          (without the line break)
//! hash  = SHA-256(bytes); the first event of an epoch has sixty-four zeros as "prev"
//! ```
//! Nobody ever encodes an event a second time: what is hashed is the text itself.

use super::order::{OrderPaidBody, OrderPlacedBody};
use super::renewal::RenewalReason;
use domain::event::Event;
use domain::hlc::Hlc;
use domain::id::{OrderId, ShiftId, StaffId, StoreId, TerminalId};
use domain::money::{Currency, Money};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// SHA-256 of an event's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventHash(pub [u8; 32]);

impl EventHash {
    /// What the first event of an epoch names as its predecessor.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of an event's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}
impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for EventHash {
    type Err = DecodeError;
    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return Err(DecodeError::Hash);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(DecodeError::Hash);
        let mut hash = [0u8; 32];
        for (position, pair) in bytes.chunks_exact(2).enumerate() {
            hash[position] = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(hash))
    }
}

/// The place of an event: terminal, epoch and sequence number identify it for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which device.
    pub terminal: TerminalId,
    /// Which life of the device.
    pub epoch: u32,
    /// Gapless from 1 within the epoch (invariant 3).
    pub seq: u64,
}

/// An event with its place in the journal, its bytes and their hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedEvent {
    /// Its identity.
    pub place: Place,
    /// The bytes: UTF-8 JSON.
    pub bytes: String,
    /// SHA-256 of the bytes.
    pub hash: EventHash,
}

/// When an event happened, as far as the device knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The device's clock, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Central's clock minus the device's as last known, milliseconds; `None` if never known.
    pub offset_ms: Option<i64>,
    /// The hybrid logical clock, whose physical part is `at_ms + offset_ms`.
    pub hlc: Option<Hlc>,
}

impl Stamp {
    /// A stamp of a device that knows nothing but its own clock.
    pub const fn bare(at_ms: i64) -> Self {
        Self { at_ms, offset_ms: None, hlc: None }
    }

    /// Milliseconds since 1970 UTC by central's clock, as well as the device knew.
    pub const fn physical_ms(&self) -> i64 {
        match self.offset_ms {
            Some(offset_ms) => self.at_ms.saturating_add(offset_ms),
            None => self.at_ms,
        }
    }
}

#[derive(serde::Serialize)]
struct EnvelopeOut<'a, B> {
    terminal: Uuid,
    epoch: u32,
    seq: u64,
    prev: String,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hlc: Option<String>,
    #[serde(rename = "type")]
    kind: &'a str,
    v: u16,
    body: &'a B,
}

/// The envelope as read; the body stays raw until its type is known.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Envelope {
    /// Which device.
    pub terminal: Uuid,
    /// Which life of the device.
    pub epoch: u32,
    /// Gapless number.
    pub seq: u64,
    /// Hash of the event before, hexadecimal.
    pub prev: String,
    /// When it happened by the device's clock, milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// Central's clock minus the device's, as last known to the device; absent if never known.
    #[serde(default)]
    pub offset_ms: Option<i64>,
    /// The hybrid logical clock: see [`Envelope::hlc`].
    #[serde(default)]
    pub hlc: Option<String>,
    /// Stable name of the type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the body of that type.
    pub v: u16,
    /// The body.
    pub body: Box<RawValue>,
}

/// `terminal.enrolled`, version 1.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TerminalEnrolledBody {
    /// Store.
    pub store: Uuid,
    /// Name of the terminal.
    pub name: String,
    /// Software and version.
    pub software: String,
}

/// `terminal.renewed`, version 1.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TerminalRenewedBody {
    /// The life before.
    pub former_epoch: u32,
    /// Why a new one was begun.
    pub reason: RenewalReason,
    /// Number of the last event of the life before that the device knows of; 0 when none.
    pub last_seq: u64,
    /// Its hash, hexadecimal; zeros when none.
    pub last_hash: String,
    /// Numbers of the life before that are lost: first and last of each run, rising.
    #[serde(default)]
    pub missing: Vec<(u64, u64)>,
}

/// `shift.opened`, version 1.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShiftOpenedBody {
    /// Identity.
    pub shift: Uuid,
    /// Who.
    pub staff: Uuid,
}

/// `shift.closed`, version 1.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ShiftClosedBody {
    /// Identity.
    pub shift: Uuid,
    /// Orders placed in it.
    pub order_count: u64,
    /// Cash kept in it, minor units.
    pub cash_minor: i64,
    /// Currency of the cash.
    pub currency: String,
}

/// Why bytes are no event that this version understands.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON of an envelope or body.
    #[error("the bytes are not an event")]
    Json(#[source] serde_json::Error),
    /// Not 64 hexadecimal digits.
    #[error("a hash must be 64 hexadecimal digits")]
    Hash,
    /// A type or version that this build does not know: kept, and tried again after an upgrade.
    #[error("the event type `{kind}` version {version} is unknown")]
    UnknownType {
        /// Name.
        kind: String,
        /// Version.
        version: u16,
    },
    /// The JSON is right, its content is not.
    #[error("the field `{0}` has no meaning here")]
    Field(&'static str),
}

/// Writes the bytes of an event, once and for all.
pub fn seal(place: Place, prev: EventHash, stamp: Stamp, event: &Event) -> SealedEvent {
    fn bytes<B: serde::Serialize>(
        place: Place,
        prev: EventHash,
        stamp: Stamp,
        kind: &str,
        body: &B,
    ) -> String {
        let envelope = EnvelopeOut {
            terminal: place.terminal.uuid(),
            epoch: place.epoch,
            seq: place.seq,
            prev: prev.to_string(),
            at_ms: stamp.at_ms,
            offset_ms: stamp.offset_ms,
            hlc: stamp.hlc.map(|hlc| hlc.to_string()),
            kind,
            v: 1,
            body,
        };
        serde_json::to_string(&envelope).expect("wire types have string keys and finite numbers")
    }
    let kind = event.name();
    let bytes = match event {
        Event::TerminalEnrolled { store, name, software } => {
            let (name, software) = (name.clone(), software.clone());
            let body = TerminalEnrolledBody { store: store.uuid(), name, software };
            bytes(place, prev, stamp, kind, &body)
        }
        Event::TerminalRenewed { former_epoch, reason, last_seq, last_hash, missing } => {
            let body = TerminalRenewedBody {
                former_epoch: *former_epoch,
                reason: (*reason).into(),
                last_seq: *last_seq,
                last_hash: EventHash(*last_hash).to_string(),
                missing: missing.clone(),
            };
            bytes(place, prev, stamp, kind, &body)
        }
        Event::ShiftOpened { shift, staff } => {
            let body = ShiftOpenedBody { shift: shift.uuid(), staff: staff.uuid() };
            bytes(place, prev, stamp, kind, &body)
        }
        Event::ShiftClosed { shift, order_count, cash } => {
            let body = ShiftClosedBody {
                shift: shift.uuid(),
                order_count: *order_count,
                cash_minor: cash.minor(),
                currency: cash.currency().code().into(),
            };
            bytes(place, prev, stamp, kind, &body)
        }
        Event::OrderPlaced(order) => {
            bytes(place, prev, stamp, kind, &OrderPlacedBody::from_domain(order))
        }
        Event::OrderPaid { order, due, rounding, tenders } => {
            let body = OrderPaidBody::from_domain(*order, *due, *rounding, tenders);
            bytes(place, prev, stamp, kind, &body)
        }
    };
    SealedEvent { place, hash: EventHash::of(bytes.as_bytes()), bytes }
}

impl Envelope {
    /// Reads an envelope from an event's bytes.
    pub fn parse(bytes: &str) -> Result<Self, DecodeError> {
        serde_json::from_str(bytes).map_err(DecodeError::Json)
    }

    /// Where the event stands.
    pub fn place(&self) -> Place {
        let terminal = TerminalId::from_uuid(self.terminal);
        Place { terminal, epoch: self.epoch, seq: self.seq }
    }

    /// The hash of the event before.
    pub fn prev_hash(&self) -> Result<EventHash, DecodeError> {
        self.prev.parse()
    }

    /// The hybrid logical clock, if it was stamped and reads.
    pub fn hlc(&self) -> Option<Hlc> {
        self.hlc.as_deref()?.parse().ok()
    }

    /// When it happened, as far as the device knew.
    pub fn stamp(&self) -> Stamp {
        Stamp { at_ms: self.at_ms, offset_ms: self.offset_ms, hlc: self.hlc() }
    }

    /// Reads the body into the domain's event.
    pub fn event(&self) -> Result<Event, DecodeError> {
        let unknown = || DecodeError::UnknownType { kind: self.kind.clone(), version: self.v };
        if self.v != 1 {
            return Err(unknown());
        }
        match self.kind.as_str() {
            "terminal.enrolled" => {
                let body: TerminalEnrolledBody = self.read_body()?;
                let store = StoreId::from_uuid(body.store);
                Ok(Event::TerminalEnrolled { store, name: body.name, software: body.software })
            }
            "terminal.renewed" => {
                let body: TerminalRenewedBody = self.read_body()?;
                Ok(Event::TerminalRenewed {
                    former_epoch: body.former_epoch,
                    reason: body.reason.into(),
                    last_seq: body.last_seq,
                    last_hash: body.last_hash.parse::<EventHash>()?.0,
                    missing: body.missing,
                })
            }
            "shift.opened" => {
                let body: ShiftOpenedBody = self.read_body()?;
                let shift = ShiftId::from_uuid(body.shift);
                Ok(Event::ShiftOpened { shift, staff: StaffId::from_uuid(body.staff) })
            }
            "shift.closed" => {
                let body: ShiftClosedBody = self.read_body()?;
                let currency: Currency =
                    body.currency.parse().map_err(|_| DecodeError::Field("currency"))?;
                Ok(Event::ShiftClosed {
                    shift: ShiftId::from_uuid(body.shift),
                    order_count: body.order_count,
                    cash: Money::new(body.cash_minor, currency),
                })
            }
            "order.placed" => {
                let body: OrderPlacedBody = self.read_body()?;
                Ok(Event::OrderPlaced(Box::new(body.into_domain()?)))
            }
            "order.paid" => {
                let body: OrderPaidBody = self.read_body()?;
                let order = OrderId::from_uuid(body.order);
                let (due, rounding, tenders) = body.into_domain()?;
                Ok(Event::OrderPaid { order, due, rounding, tenders })
            }
            _ => Err(unknown()),
        }
    }

    fn read_body<'a, B: serde::Deserialize<'a>>(&'a self) -> Result<B, DecodeError> {
        serde_json::from_str(self.body.get()).map_err(DecodeError::Json)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(seq: u64) -> Place {
        Place { terminal: TerminalId::from_uuid(Uuid::from_u128(1)), epoch: 0, seq }
    }

    #[test]
    fn bytes_are_the_golden_ones() {
        let event = Event::ShiftOpened {
            shift: ShiftId::from_uuid(Uuid::from_u128(2)),
            staff: StaffId::from_uuid(Uuid::from_u128(3)),
        };
        let sealed = seal(place(7), EventHash::GENESIS, Stamp::bare(1_700_000_000_000), &event);
        let zeros = "0".repeat(64);
        let expected = format!(
            "{{\"terminal\":\"00000000-0000-0000-0000-000000000001\",\"epoch\":0,\"seq\":7,\
             \"prev\":\"{zeros}\",\"at_ms\":1700000000000,\"type\":\"shift.opened\",\"v\":1,\
             \"body\":{{\"shift\":\"00000000-0000-0000-0000-000000000002\",\
             \"staff\":\"00000000-0000-0000-0000-000000000003\"}}}}"
        );
        assert_eq!(sealed.bytes, expected);
        assert_eq!(sealed.hash, EventHash::of(expected.as_bytes()));
        let read = Envelope::parse(&sealed.bytes).unwrap();
        assert_eq!((read.place(), read.event().unwrap()), (place(7), event));
    }

    #[test]
    fn unknown_types_and_fields_are_told_apart() {
        let text = |kind: &str, body: &str| {
            let zeros = "0".repeat(64);
            format!(
                "{{\"terminal\":\"{}\",\"epoch\":0,\"seq\":1,\"prev\":\"{zeros}\",\"at_ms\":0,\
                 \"type\":\"{kind}\",\"v\":1,\"body\":{body},\"later\":1}}",
                Uuid::nil()
            )
        };
        let later = Envelope::parse(&text("basket.sung", "{}")).unwrap();
        assert!(matches!(later.event(), Err(DecodeError::UnknownType { .. })));
        let broken = Envelope::parse(&text("shift.opened", "{\"shift\":3}")).unwrap();
        assert!(matches!(broken.event(), Err(DecodeError::Json(_))));
        assert!(Envelope::parse("<html>").is_err());
    }

    #[test]
    fn hashes_round_trip() {
        let hash = EventHash::of(b"x");
        assert_eq!(hash.to_string().parse::<EventHash>().unwrap(), hash);
        assert!("zz".repeat(32).parse::<EventHash>().is_err());
        assert!("é".repeat(32).parse::<EventHash>().is_err());
    }
}
