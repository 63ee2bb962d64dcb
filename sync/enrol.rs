//! Enrolment: a one-time code and a fresh device key make this device a terminal.
//!
//! The private key never leaves the device. Nothing is stored here: the caller
//! hands the identity to [`crate::ports::SyncStore::enrol`], which writes it with the first event.

use crate::call::{Central, Fault, Reply, Request};
use crate::ports::{DeviceKey, StorageError, SyncStore, TerminalIdentity};
use crate::protocol::auth::{EnrolRequest, EnrolResponse, KnownLife};
use crate::protocol::auth::{confirmation_digits, normalised_code};
use crate::protocol::problem::code;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::id::{StoreId, TerminalId};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;

/// A device that central has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// To be stored.
    pub identity: TerminalIdentity,
    /// Six digits that the person compares with those in the back office.
    pub confirmation: String,
    /// Central's clock when it answered, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}

/// Why there is no enrolment, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolFailure {
    /// The code is wrong, used or expired: get a new one.
    #[error("central refuses the code")]
    Refused,
    /// No connection or no answer: check network and address.
    #[error("central cannot be reached")]
    Unreachable,
    /// Something answers that is not central: check the address, or sign in to the network.
    #[error("what answers at this address is not central")]
    Garbage,
    /// Too many wrong codes: wait.
    #[error("too many attempts")]
    TooManyAttempts {
        /// Seconds to wait, if central says.
        retry_after_s: Option<u32>,
    },
    /// Central answers that it failed, or refuses for another reason: try later.
    #[error("central has trouble ({code})")]
    CentralTrouble {
        /// Central's stable code, or the HTTP status.
        code: String,
    },
}

impl EnrolFailure {
    /// The stable code: key of translations, logs and `drive`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused => "code-refused",
            Self::Unreachable => "unreachable",
            Self::Garbage => "not-central",
            Self::TooManyAttempts { .. } => "too-many-attempts",
            Self::CentralTrouble { .. } => "central-trouble",
        }
    }
}

/// The lives that a device's database holds, for [`enrol`]: the newest of each terminal.
///
/// # Errors
/// The storage's own.
pub fn known_lives(store: &dyn SyncStore) -> Result<Vec<KnownLife>, StorageError> {
    let mut newest: BTreeMap<uuid::Uuid, KnownLife> = BTreeMap::new();
    for life in store.lives()? {
        let known = known_life(&life.identity);
        let is_newer = newest.get(&known.terminal_id).is_none_or(|other| other.epoch < known.epoch);
        if is_newer {
            newest.insert(known.terminal_id, known);
        }
    }
    Ok(newest.into_values().collect())
}

/// What central is told of a life.
pub fn known_life(identity: &TerminalIdentity) -> KnownLife {
    KnownLife {
        terminal_id: identity.id.uuid(),
        epoch: identity.epoch,
        terminal_name: Some(identity.name.clone()),
        store_id: Some(identity.store.uuid()),
    }
}

/// Trades the one-time code and a fresh device key for an identity.
///
/// The key stays the same while one code is tried: an answer may get lost, and central answers a code that it has taken
/// once more only to the key that it took it from.
///
/// # Errors
/// See [`EnrolFailure`].
pub async fn enrol(
    central: &dyn Central,
    code: &str,
    software: &str,
    known: &[KnownLife],
    device_key: DeviceKey,
) -> Result<Enrolled, EnrolFailure> {
    let public_key = SigningKey::from_bytes(&device_key.0).verifying_key().to_bytes();
    let code = normalised_code(code);
    if code.is_empty() {
        return Err(EnrolFailure::Refused);
    }
    let request = Request::Enrol(EnrolRequest {
        code,
        public_key: BASE64.encode(public_key),
        software: software.into(),
        known: known.to_vec(),
    });
    match central.call(None, &request).await {
        Ok(Reply::Enrolled(response)) => {
            accept(response, central.address(), device_key, &confirmation_digits(&public_key))
        }
        Ok(_) => Err(EnrolFailure::Garbage),
        Err(fault) => Err(judge(fault)),
    }
}

fn accept(
    response: EnrolResponse,
    address: &str,
    device_key: DeviceKey,
    confirmation: &str,
) -> Result<Enrolled, EnrolFailure> {
    // Digits of another key mean that something between us and central changed it.
    if response.confirmation != confirmation || response.terminal_name.is_empty() {
        return Err(EnrolFailure::Garbage);
    }
    let identity = TerminalIdentity {
        id: TerminalId::from_uuid(response.terminal_id),
        epoch: response.epoch,
        name: response.terminal_name,
        store: StoreId::from_uuid(response.store_id),
        store_name: response.store_name,
        central: address.into(),
        device_key,
    };
    let server_time_ms = response.server_time_ms;
    Ok(Enrolled { identity, confirmation: response.confirmation, server_time_ms })
}

fn judge(fault: Fault) -> EnrolFailure {
    match fault {
        Fault::Unreachable | Fault::TimedOut => EnrolFailure::Unreachable,
        Fault::Garbage { .. } | Fault::AnswerTooLarge => EnrolFailure::Garbage,
        Fault::Problem { problem, retry_after_s } => match problem.code.as_str() {
            code::ENROLMENT_REFUSED => EnrolFailure::Refused,
            code::TOO_MANY_ATTEMPTS => EnrolFailure::TooManyAttempts { retry_after_s },
            _ => EnrolFailure::CentralTrouble { code: problem.code },
        },
        Fault::Status { status: 429, retry_after_s } => {
            EnrolFailure::TooManyAttempts { retry_after_s }
        }
        Fault::Status { status, .. } if status >= 500 => {
            EnrolFailure::CentralTrouble { code: status.to_string() }
        }
        // A redirect or a bare 404: some other server.
        Fault::Status { .. } => EnrolFailure::Garbage,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::memory::{Behaviour, ScriptedCentral, sample};

    async fn enrol_with(central: &ScriptedCentral, code: &str) -> Result<Enrolled, EnrolFailure> {
        enrol(central, code, "crossroads/test", &[], DeviceKey([5; 32])).await
    }

    #[tokio::test]
    async fn a_code_makes_a_terminal_whose_key_central_knows() {
        let central = ScriptedCentral::default();
        central.with(|model| model.give_code("ABCD-1234", &sample::identity(1)));
        let enrolled = enrol_with(&central, " abcd 1234").await.unwrap();
        let identity = &enrolled.identity;
        assert_eq!((identity.id, identity.epoch), (sample::identity(1).id, 1));
        assert_eq!((identity.name.as_str(), identity.central.as_str()), ("T01", "memory:"));
        assert_ne!(identity.device_key, DeviceKey([0; 32]));
        assert_eq!(enrolled.confirmation.len(), 6);
        assert!(!format!("{enrolled:?}").contains(&format!("{:?}", identity.device_key.0)));
        let again = enrol_with(&central, "ABCD1234").await;
        assert_eq!(again, Err(EnrolFailure::Refused), "a code is used once");
        assert_eq!(enrol_with(&central, " - ").await, Err(EnrolFailure::Refused));
    }

    #[tokio::test]
    async fn failures_say_what_a_person_can_do() {
        let status = |status| Fault::Status { status, retry_after_s: Some(7) };
        let refused = |status, code| {
            crate::memory::problem(status, code, crate::protocol::problem::Retry::Human)
        };
        let trouble = |code: &str| EnrolFailure::CentralTrouble { code: code.into() };
        let slow = |retry_after_s| EnrolFailure::TooManyAttempts { retry_after_s };
        let html = Fault::Garbage { content_type: "text/html".into() };
        let table = [
            (Fault::Unreachable, EnrolFailure::Unreachable),
            (Fault::TimedOut, EnrolFailure::Unreachable),
            (html, EnrolFailure::Garbage),
            (Fault::AnswerTooLarge, EnrolFailure::Garbage),
            (status(404), EnrolFailure::Garbage),
            (status(500), trouble("500")),
            (status(429), slow(Some(7))),
            (refused(403, code::ENROLMENT_REFUSED), EnrolFailure::Refused),
            (refused(429, code::TOO_MANY_ATTEMPTS), slow(None)),
            (refused(500, code::INTERNAL), trouble("INTERNAL")),
        ];
        for (fault, failure) in table {
            let central = ScriptedCentral::default();
            central.script([Behaviour::Fail(fault)]);
            assert_eq!(enrol_with(&central, "CODE").await, Err(failure));
        }
    }

    #[test]
    fn another_devices_digits_are_refused() {
        let response = EnrolResponse {
            terminal_id: uuid::Uuid::nil(),
            epoch: 1,
            terminal_name: "T01".into(),
            store_id: uuid::Uuid::nil(),
            store_name: "Old Mill".into(),
            confirmation: "123456".into(),
            server_time_ms: 0,
        };
        let accepted = accept(response, "http://central", DeviceKey([1; 32]), "654321");
        assert_eq!(accepted, Err(EnrolFailure::Garbage));
    }
}
