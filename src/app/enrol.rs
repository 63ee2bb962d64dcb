//! Enrolling this device: an address and a one-time code, typed or scanned.

use super::intent::{Role, View};
use super::message::of_store_error;
use super::ports::{EnrolRefusal, Enrolment};
use super::screen::{EnrolScreen, Message};
use super::terminal::Terminal;
use store::StoreError;
use sync::ports::SyncStore;

/// State of the enrol view.
#[derive(Default)]
pub struct EnrolState {
    pub(super) central: String,
    pub(super) code: String,
    pub(super) is_busy: bool,
    pub(super) confirmation: String,
}

impl Terminal {
    /// Offers an address of central before anything is typed (from the command line or configuration).
    pub fn suggest_central(&mut self, central: &str) {
        self.enrol.central = central.to_owned();
    }

    pub(super) fn start_enrolment(&mut self, central: &str, code: &str) {
        if self.enrol.is_busy {
            self.say(Message::error("enrol-busy", &[]));
            return;
        }
        if self.identity.is_some() && !self.may_enrol_again() {
            self.say(Message::error("enrol-elsewhere", &[]));
            return;
        }
        let central = central.trim().trim_end_matches('/');
        let is_address = central.starts_with("http://") || central.starts_with("https://");
        if !is_address || code.trim().is_empty() {
            self.say(Message::error("enrol-incomplete", &[]));
            return;
        }
        self.hush();
        self.enrol = EnrolState {
            central: central.to_owned(),
            code: code.trim().to_owned(),
            is_busy: true,
            confirmation: String::new(),
        };
        self.parts.sync.enrol(central, code.trim());
    }

    pub(super) fn enrolled(
        &mut self,
        answer: Result<Enrolment, EnrolRefusal>,
    ) -> Result<(), StoreError> {
        self.enrol.is_busy = false;
        let enrolment = match answer {
            Ok(enrolment) => enrolment,
            Err(refusal) => {
                self.say(Message::error(&refusal.code, &[]));
                return Ok(());
            }
        };
        let store = &self.parts.store;
        if let Err(error) = store.enrol(&enrolment.identity, &self.parts.software, self.now()) {
            tracing::error!(error = &error as &dyn std::error::Error, "enrolment was not stored");
            self.say(Message::error("internal", &[]));
            return Ok(());
        }
        if self.identity.is_some() {
            // Enrolled again: the shift has ended with the life before; what that one did not send goes on to be.
            self.person = None;
            self.role = Role::Cashier;
            self.leave_nothing_behind();
        }
        self.enrol.confirmation = enrolment.confirmation.clone();
        self.identity = Some(enrolment.identity.clone());
        self.parts.sync.start(&enrolment.identity);
        self.line = self.parts.sync.status();
        self.say(Message::success("enrolled", &[&enrolment.confirmation]));
        self.view = View::SignIn;
        self.back.clear();
        self.refresh_staff().or_else(|error| {
            self.say(of_store_error(&error));
            Ok(())
        })
    }

    pub(super) fn enrol_screen(&self) -> EnrolScreen {
        EnrolScreen {
            central: self.enrol.central.clone(),
            code: self.enrol.code.clone(),
            is_busy: self.enrol.is_busy,
            confirmation: self.enrol.confirmation.clone(),
            is_again: self.identity.is_some(),
        }
    }
}
