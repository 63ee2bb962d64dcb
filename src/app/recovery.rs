//! What became of a damaged memory, told to a person until somebody says that it is settled; and enrolling again where
//! central does not admit this terminal any more.

use super::intent::View;
use super::screen::{Line, RecoveryScreen};
use super::terminal::Terminal;
use domain::staff::StaffRole;
use domain::time::DeviceTime;
use store::StoreError;

impl Terminal {
    /// At the start: what was recovered is the first thing that a person sees.
    pub(super) fn begin_with_recovery(&mut self) -> Result<(), StoreError> {
        self.recovery = self.parts.store.recovery()?;
        if self.is_recovery_open() {
            self.back = vec![self.view];
            self.view = View::Recovery;
        }
        Ok(())
    }

    /// There was a recovery, and nobody has said yet that it is settled.
    pub(super) fn is_recovery_open(&self) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| !recovery.is_acknowledged)
    }

    /// Somebody has read it, and has done what there was to do.
    pub(super) fn acknowledge_recovery(&mut self) -> Result<(), StoreError> {
        if !self.can_acknowledge() {
            return Ok(());
        }
        self.parts.store.acknowledge_recovery()?;
        self.recovery = self.parts.store.recovery()?;
        if self.view == View::Recovery { self.go_back() } else { Ok(()) }
    }

    fn can_acknowledge(&self) -> bool {
        self.person.is_some() && self.is_recovery_open()
    }

    /// Central does not admit this terminal, or the key of its life is lost: a new code is needed.
    fn needs_enrolment(&self) -> bool {
        let is_refused = self.line.line == Line::Refused;
        let codes = ["enrol-again", "central-refuses-terminal"];
        let problem = self.line.problem.as_ref();
        let is_said = problem.is_some_and(|(code, _)| codes.contains(&code.as_str()));
        let is_keyless = self
            .recovery
            .as_ref()
            .is_some_and(|recovery| recovery.needs_enrolment && !recovery.is_acknowledged);
        self.identity.is_some() && (is_refused || is_said || is_keyless)
    }

    /// A manager may enrol this device again where that is needed; where a store has no manager, whoever is signed in.
    pub(super) fn may_enrol_again(&self) -> bool {
        let Some(person) = self.person.as_ref().filter(|_| self.needs_enrolment()) else {
            return false;
        };
        let has_manager = || {
            let staff = self.parts.store.staff().unwrap_or_default();
            staff.iter().any(|person| person.role == StaffRole::Manager)
        };
        person.role == StaffRole::Manager || !has_manager()
    }

    pub(super) fn recovery_screen(&self) -> RecoveryScreen {
        let needs_enrolment = self.needs_enrolment();
        let may_enrol_again = self.may_enrol_again();
        let Some(recovery) = &self.recovery else {
            return RecoveryScreen {
                needs_enrolment,
                may_enrol_again,
                ..RecoveryScreen::default()
            };
        };
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        RecoveryScreen {
            is_open: self.is_recovery_open(),
            at: self.formatter.date_time(self.shown_ms(DeviceTime(recovery.at_ms))),
            orders: small(recovery.orders),
            waiting: small(recovery.waiting),
            missing: small(recovery.missing),
            has_open_end: recovery.has_open_end,
            articles: self.formatter.count(recovery.articles),
            file: recovery.file.display().to_string(),
            is_enrolled: recovery.is_enrolled || self.identity.is_some(),
            can_acknowledge: self.can_acknowledge(),
            needs_enrolment,
            may_enrol_again,
        }
    }
}
