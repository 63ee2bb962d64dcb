//! The shell: view, role, language, theme, strip, message bar, keyboard on the screen, keys of a scanner.

use super::Send;
use super::typing::{TypedKey, Typing};
use crate::app::intent::{CountAsk, Intent, Language, Role, View};
use crate::app::screen::{Line, Message, Screen, Severity, StatusStrip};
use crossroads_ui::{
    App, CameraAdapter, CameraKind, CodeText, LanguageKind, LineKind, MessageData, PayAdapter,
    RoleKind, SeverityKind, ShellAdapter, SignInAdapter, StatusData, Theme, ViewKind,
};
use slint::platform::WindowEvent;
use slint::{ComponentHandle, SharedString};

pub fn connect(app: &App, send: &Send, wedge: impl Fn(&str) -> bool + 'static) {
    let shell = app.global::<ShellAdapter>();
    macro_rules! on {
        ($callback:ident, |$value:ident| $intent:expr) => {{
            let send = Send::clone(send);
            shell.$callback(move |$value| send($intent));
        }};
        ($callback:ident, $intent:expr) => {{
            let send = Send::clone(send);
            shell.$callback(move || send($intent));
        }};
    }
    on!(on_open, |view| Intent::Open(view_of(view)));
    on!(on_back, Intent::Back);
    on!(on_set_role, |role| Intent::SetRole(role_of(role)));
    on!(on_set_language, |language| Intent::SetLanguage(language_of(language)));
    on!(on_set_dark, |is_dark| Intent::SetDark(is_dark));
    on!(on_set_sound, |is_on| Intent::SetSound(is_on));
    on!(on_set_left_handed, |is_left| Intent::SetLeftHanded(is_left));
    on!(on_set_keyboard, |is_shown| Intent::SetKeyboard(is_shown));
    on!(on_sign_out, Intent::SignOut);
    on!(on_call_staff, Intent::CallStaff);
    on!(on_dismiss_message, Intent::DismissMessage);
    let acted = Send::clone(send);
    shell.on_message_acted(move |code| {
        acted(Intent::DismissMessage);
        if let Some(intent) = remedy(&code) {
            acted(intent);
        }
    });
    let (window, typing) = (app.as_weak(), typing(app));
    shell.on_wedge_key(move |text, is_free| {
        if wedge(&text) {
            typing.drop_held();
            return true;
        }
        let wanted = window.upgrade().and_then(|app| wanted_key(&app, &text, is_free));
        typing.press(wanted);
        wanted.is_some()
    });
    let window = app.as_weak();
    shell.on_typed(move |text| {
        if let Some(app) = window.upgrade() {
            app.window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
            app.window().dispatch_event(WindowEvent::KeyReleased { text });
        }
    });
    app.global::<CodeText>().on_without_last(|text| {
        let mut text = text.to_string();
        text.pop();
        SharedString::from(text)
    });
}

/// The key, if the view in front understands it.
fn wanted_key(app: &App, text: &str, is_free: bool) -> Option<TypedKey> {
    let key = TypedKey::of(text)?;
    let is_wanted = match app.global::<ShellAdapter>().get_view() {
        ViewKind::SignIn => key != TypedKey::Enter,
        ViewKind::Pay => key != TypedKey::Enter || is_free,
        _ => false,
    };
    is_wanted.then_some(key)
}

/// Does what the button of the same meaning does, if that can be pressed at this moment.
fn typing(app: &App) -> Typing {
    let window = app.as_weak();
    Typing::new(move |key| {
        let Some(app) = window.upgrade() else { return };
        let (sign_in, pay) = (app.global::<SignInAdapter>(), app.global::<PayAdapter>());
        match (app.global::<ShellAdapter>().get_view(), key) {
            (ViewKind::SignIn, _) if sign_in.get_locked_seconds() > 0 => {}
            (ViewKind::SignIn, TypedKey::Digit(digit)) => sign_in.invoke_digit(digit.into()),
            (ViewKind::SignIn, TypedKey::Erase) => sign_in.invoke_erase(),
            (ViewKind::Pay, _) if pay.get_is_busy() => {}
            (ViewKind::Pay, TypedKey::Digit(digit)) => pay.invoke_digit(digit.into()),
            (ViewKind::Pay, TypedKey::Erase) => pay.invoke_erase(),
            (ViewKind::Pay, TypedKey::Enter)
                if pay.get_is_covered() && !pay.get_given().is_empty() =>
            {
                pay.invoke_take();
            }
            _ => {}
        }
    })
}

/// What the one action of a message does; the same codes have a label in `ui/message.slint`.
fn remedy(code: &str) -> Option<Intent> {
    match code {
        "unknown-code"
        | "unknown-code-loading"
        | "label-unknown"
        | "label-unit"
        | "label-inexact" => Some(Intent::Open(View::Articles)),
        "line-removed" => Some(Intent::Undo),
        "count-line-removed" => Some(Intent::Count(CountAsk::Undo)),
        "count-print-failed" => Some(Intent::Count(CountAsk::Print)),
        "central-error"
        | "central-garbage"
        | "central-refuses-terminal"
        | "events-refused"
        | "not-central"
        | "central-failing"
        | "terminal-revoked"
        | "upgrade-required"
        | "enrol-again"
        | "central-outdated"
        | "clock-wrong"
        | "clock-absurd" => Some(Intent::Open(View::Sync)),
        "no-customer" => Some(Intent::Open(View::Customers)),
        "printer-failed" => Some(Intent::PrintReceipt),
        _ => None,
    }
}

pub fn show(app: &App, screen: &Screen, old: Option<&Screen>) {
    let shell = app.global::<ShellAdapter>();
    if old.is_none_or(|old| old.language != screen.language) {
        shell.set_language(map_language(screen.language));
        if let Err(error) = slint::select_bundled_translation(tag(screen.language)) {
            tracing::warn!(%error, "the language is not bundled");
        }
    }
    let theme = app.global::<Theme>();
    theme.set_is_dark(screen.dark);
    theme.set_is_large(screen.role == Role::Customer && !screen.sign_in.is_leaving_customer_role);
    theme.set_is_left_handed(screen.left_handed);
    shell.set_sound(screen.sound);
    shell.set_has_keyboard(screen.keyboard);
    shell.set_role(map_role(screen.role));
    shell.set_status(map_status(&screen.status));
    shell.set_message(map_message(screen.message.as_ref()));
    app.global::<CameraAdapter>().set_camera(map_camera(&screen.status.camera));
    shell.set_view(map_view(screen.view));
}

/// The name of the folder in `assets/lang`; English is the language of the sources and has none.
fn tag(language: Language) -> &'static str {
    match language {
        Language::English => "",
        Language::French => "fr",
        Language::German => "de",
        Language::SimplifiedChinese => "zh-Hans",
        Language::TraditionalChinese => "zh-Hant",
    }
}

fn map_status(status: &StatusStrip) -> StatusData {
    StatusData {
        store: status.store.as_str().into(),
        terminal: status.terminal.as_str().into(),
        person: status.person.as_str().into(),
        line: match status.line {
            Line::Unknown => LineKind::Unknown,
            Line::Online => LineKind::Online,
            Line::Offline => LineKind::Offline,
            Line::Troubled => LineKind::Troubled,
            Line::Refused => LineKind::Refused,
        },
        offline_minutes: small(status.offline_minutes),
        waiting: small(status.waiting),
        refused: small(status.refused),
        first_sync_percent: small(status.first_sync_percent),
        clock: status.clock.as_str().into(),
        is_clock_wrong: status.is_clock_wrong,
    }
}

/// A message, or the one that is not shown.
pub fn map_message(message: Option<&Message>) -> MessageData {
    let Some(message) = message else { return MessageData::default() };
    let argument = |position: usize| {
        message.arguments.get(position).map_or_else(SharedString::new, SharedString::from)
    };
    MessageData {
        is_shown: true,
        severity: match message.severity {
            Severity::Information => SeverityKind::Information,
            Severity::Success => SeverityKind::Success,
            Severity::Warning => SeverityKind::Warning,
            Severity::Error => SeverityKind::Error,
        },
        code: message.code.as_str().into(),
        first: argument(0),
        second: argument(1),
    }
}

fn map_camera(camera: &str) -> CameraKind {
    match camera {
        "camera" => CameraKind::Camera,
        "replay" => CameraKind::Replay,
        "lost" => CameraKind::Lost,
        _ => CameraKind::None,
    }
}

/// A count as Slint counts; what does not fit is shown as the greatest number it has.
pub fn small(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn view_of(view: ViewKind) -> View {
    match view {
        ViewKind::Enrol => View::Enrol,
        ViewKind::SignIn => View::SignIn,
        ViewKind::Sell => View::Sell,
        ViewKind::Articles => View::Articles,
        ViewKind::Customers => View::Customers,
        ViewKind::Customer => View::Customer,
        ViewKind::Pay => View::Pay,
        ViewKind::Receipt => View::Receipt,
        ViewKind::Delivery => View::Delivery,
        ViewKind::Sync => View::Sync,
        ViewKind::Settings => View::Settings,
        ViewKind::Recovery => View::Recovery,
        ViewKind::Count => View::Count,
    }
}

fn map_view(view: View) -> ViewKind {
    match view {
        View::Enrol => ViewKind::Enrol,
        View::SignIn => ViewKind::SignIn,
        View::Sell => ViewKind::Sell,
        View::Articles => ViewKind::Articles,
        View::Customers => ViewKind::Customers,
        View::Customer => ViewKind::Customer,
        View::Pay => ViewKind::Pay,
        View::Receipt => ViewKind::Receipt,
        View::Delivery => ViewKind::Delivery,
        View::Sync => ViewKind::Sync,
        View::Settings => ViewKind::Settings,
        View::Recovery => ViewKind::Recovery,
        View::Count => ViewKind::Count,
    }
}

fn role_of(role: RoleKind) -> Role {
    match role {
        RoleKind::Associate => Role::Associate,
        RoleKind::Cashier => Role::Cashier,
        RoleKind::Customer => Role::Customer,
    }
}

fn map_role(role: Role) -> RoleKind {
    match role {
        Role::Associate => RoleKind::Associate,
        Role::Cashier => RoleKind::Cashier,
        Role::Customer => RoleKind::Customer,
    }
}

fn language_of(language: LanguageKind) -> Language {
    match language {
        LanguageKind::English => Language::English,
        LanguageKind::French => Language::French,
        LanguageKind::German => Language::German,
        LanguageKind::SimplifiedChinese => Language::SimplifiedChinese,
        LanguageKind::TraditionalChinese => Language::TraditionalChinese,
    }
}

fn map_language(language: Language) -> LanguageKind {
    match language {
        Language::English => LanguageKind::English,
        Language::French => LanguageKind::French,
        Language::German => LanguageKind::German,
        Language::SimplifiedChinese => LanguageKind::SimplifiedChinese,
        Language::TraditionalChinese => LanguageKind::TraditionalChinese,
    }
}
