//! Signing in with a PIN, offline as well. Failures are counted on disk *before* the check, so that pulling the
//! battery gives nobody another try.

use super::intent::{Intent, Role, View};
use super::screen::{Message, SignInScreen, StaffChip};
use super::terminal::Terminal;
use domain::customer::initials;
use domain::id::StaffId;
use domain::staff::{PinAttempts, Staff, StaffRole};
use store::StoreError;

/// State of the sign-in view.
#[derive(Default)]
pub struct SignInState {
    staff: Vec<Staff>,
    chosen: Option<StaffId>,
    digits: String,
    attempts: PinAttempts,
    pub(super) is_leaving_customer_role: bool,
    pub(super) role_after: Option<Role>,
}

impl SignInState {
    pub(super) fn clear_digits(&mut self) {
        self.digits.clear();
    }

    fn chosen(&self) -> Option<&Staff> {
        let chosen = self.staff.iter().find(|person| Some(person.id) == self.chosen);
        chosen.or_else(|| self.staff.first())
    }
}

impl Terminal {
    pub(super) fn refresh_staff(&mut self) -> Result<(), StoreError> {
        self.sign_in.staff = self.parts.store.staff()?;
        self.read_attempts()
    }

    fn read_attempts(&mut self) -> Result<(), StoreError> {
        self.sign_in.attempts = match self.sign_in.chosen() {
            Some(person) => self.parts.store.pin_attempts(person.id)?,
            None => PinAttempts::default(),
        };
        Ok(())
    }

    pub(super) fn sign_in_intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        match intent {
            Intent::ChooseStaff(id) => {
                self.sign_in.chosen = Some(id);
                self.sign_in.digits.clear();
                self.read_attempts()
            }
            Intent::PinDigit(digit) if self.view == View::SignIn && digit <= 9 => {
                let Some(person) = self.sign_in.chosen() else {
                    return Ok(());
                };
                let expected = usize::from(person.pin_length);
                self.sign_in.digits.push(char::from(b'0' + digit));
                if self.sign_in.digits.len() >= expected {
                    let pin = std::mem::take(&mut self.sign_in.digits);
                    return self.try_pin(&pin);
                }
                Ok(())
            }
            Intent::PinErase => {
                self.sign_in.digits.pop();
                Ok(())
            }
            Intent::SignIn { staff, pin } => {
                if self.person.is_some() && !self.sign_in.is_leaving_customer_role {
                    return Ok(());
                }
                self.refresh_staff()?;
                if let Some(number) = staff {
                    let found = self.sign_in.staff.iter().find(|person| person.number == number);
                    let Some(person) = found else {
                        self.say(Message::error("unknown-staff", &[&number]));
                        return Ok(());
                    };
                    self.sign_in.chosen = Some(person.id);
                    self.read_attempts()?;
                }
                self.try_pin(&pin)
            }
            Intent::SignOut => self.sign_out(),
            _ => Ok(()),
        }
    }

    fn try_pin(&mut self, pin: &str) -> Result<(), StoreError> {
        let Some(person) = self.sign_in.chosen().cloned() else {
            self.say(Message::warning("no-staff-yet", &[]));
            return Ok(());
        };
        let now = self.now().0;
        let attempts = self.parts.store.pin_attempts(person.id)?;
        let wait_ms = attempts.wait_ms(now);
        if wait_ms > 0 {
            self.sign_in.attempts = attempts;
            self.say(Message::error("pin-locked", &[&seconds(wait_ms).to_string()]));
            return Ok(());
        }
        let failed = attempts.after_failure(now);
        self.parts.store.set_pin_attempts(person.id, failed)?;
        if !self.parts.pins.verify(pin, &person.pin_verifier) {
            self.sign_in.attempts = failed;
            let wait_ms = failed.wait_ms(now);
            self.say(if wait_ms > 0 && failed.failures % PinAttempts::FAILURES_MAX == 0 {
                Message::error("pin-locked", &[&seconds(wait_ms).to_string()])
            } else {
                Message::error("wrong-pin", &[&failed.left().to_string()])
            });
            return Ok(());
        }
        self.parts.store.set_pin_attempts(person.id, PinAttempts::default())?;
        self.sign_in.attempts = PinAttempts::default();
        self.hush();
        self.signed_in(person)
    }

    fn signed_in(&mut self, person: Staff) -> Result<(), StoreError> {
        let shift = self.parts.store.open_shift(person.id, self.now())?;
        self.role = self.sign_in.role_after.take().unwrap_or(match person.role {
            StaffRole::Associate => Role::Associate,
            StaffRole::Cashier | StaffRole::Manager => Role::Cashier,
        });
        self.sign_in.is_leaving_customer_role = false;
        self.shift = Some(shift);
        self.person = Some(person);
        self.home();
        self.role_changed()?;
        self.parts.sync.nudge();
        self.resume_unseen_receipt()
    }

    fn sign_out(&mut self) -> Result<(), StoreError> {
        self.parts.store.close_shift(self.now())?;
        self.parts.sync.nudge();
        self.shift = None;
        self.person = None;
        self.is_clock_told = false;
        self.leave_nothing_behind();
        self.sign_in.digits.clear();
        self.back.clear();
        self.view = View::SignIn;
        self.refresh_staff()
    }

    /// Who is no longer on central's list does not go on taking money; their basket stays as a draft.
    pub(super) fn sign_out_who_left(&mut self) -> Result<(), StoreError> {
        let Some(person) = self.person.as_ref().map(|person| person.id) else {
            return Ok(());
        };
        if self.parts.store.staff()?.iter().any(|known| known.id == person) {
            return Ok(());
        }
        self.role = Role::Cashier;
        self.sign_out()?;
        self.say(Message::warning("person-removed", &[]));
        Ok(())
    }

    pub(super) fn sign_in_screen(&self) -> SignInScreen {
        let state = &self.sign_in;
        let chosen = state.chosen();
        let chip = |person: &Staff| StaffChip {
            id: person.id.to_string(),
            number: person.number.clone(),
            name: person.name.clone(),
            initials: initials(&person.name),
            is_chosen: chosen.is_some_and(|chosen| chosen.id == person.id),
        };
        let has_failed = state.attempts.failures > 0;
        SignInScreen {
            staff: state.staff.iter().map(chip).collect(),
            pin_length: state.digits.len() as u32,
            pin_expected: chosen.map_or(4, |person| person.pin_length.into()),
            attempts_left: has_failed.then(|| state.attempts.left()),
            locked_seconds: seconds(state.attempts.wait_ms(self.now().0)),
            is_leaving_customer_role: state.is_leaving_customer_role,
        }
    }
}

/// Milliseconds as whole seconds, rounded up: "0" must mean "now".
fn seconds(ms: i64) -> u32 {
    u32::try_from(ms.max(0).unsigned_abs().div_ceil(1000)).unwrap_or(u32::MAX)
}
