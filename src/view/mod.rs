//! The window: the generated Slint types on one side, intents and screens on the other, and nothing in between.
//!
//! Each view has its adapter (`connect` turns what a finger did into an [`Intent`], `show` lays a part of the
//! [`Screen`] into the view). No adapter computes anything a person would call a decision, and none formats
//! money, dates or numbers. Everything here runs on the UI thread and must never wait.

pub mod contact_sheet;
pub mod headless;
pub mod preview;
pub mod sample;
pub mod sound;

mod articles_adapter;
mod count_adapter;
mod customer_adapter;
mod customers_adapter;
mod delivery_adapter;
mod diagnostics_adapter;
mod echo;
mod enrol_adapter;
mod model;
mod pay_adapter;
mod receipt_adapter;
mod recovery_adapter;
mod sell_adapter;
mod shell_adapter;
mod sign_in_adapter;
mod sync_adapter;
mod typing;

use crate::app::intent::Intent;
use crate::app::screen::{Screen, SellScreen};
use crate::app::viewfinder::Ask;
use crossroads_ui::App;
use preview::Preview;
use slint::fontique_011::fontique;
use slint::{ComponentHandle, PlatformError};
use sound::{Bell, Player, Speaker};
use std::cell::RefCell;
use std::rc::Rc;

/// Where intents go: cheap, never blocking.
type Send = Rc<dyn Fn(Intent)>;

/// Names of the bundled families, the first that has a character draws it.
const FAMILIES: [&str; 2] = ["Noto Sans", "Droid Sans Fallback"];

/// The window of the terminal.
pub struct Window {
    app: App,
    shown: RefCell<Option<Screen>>,
    bell: RefCell<Bell>,
    player: RefCell<Option<Box<dyn Player>>>,
    fields: Rc<Fields>,
}

/// The text fields whose edits come back in screens.
#[derive(Default)]
struct Fields {
    articles: echo::Echo,
    customers: echo::Echo,
    delivery: delivery_adapter::DeliveryEchoes,
}

impl Window {
    /// Creates the window, hidden, with the preview data of the views in it.
    ///
    /// # Errors
    /// There is no display and no [`headless::Headless`] was installed.
    pub fn new() -> Result<Self, PlatformError> {
        let app = App::new()?;
        use_bundled_fonts_only();
        Ok(Self {
            app,
            shown: RefCell::default(),
            bell: RefCell::default(),
            player: RefCell::default(),
            fields: Rc::default(),
        })
    }

    /// The generated component, for tests and for `run`.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The way for camera pictures; may be sent to the scan thread.
    pub fn preview(&self) -> Preview {
        Preview::new(&self.app)
    }

    /// Sends what a person does to `send`, and keys typed while no text field has the focus to `wedge`, which
    /// says whether they belong to a scanner's burst (and then go no further). Neither may block.
    pub fn connect(&self, send: impl Fn(Intent) + 'static, wedge: impl Fn(&str) -> bool + 'static) {
        let send: Send = Rc::new(send);
        let app = &self.app;
        shell_adapter::connect(app, &send, wedge);
        enrol_adapter::connect(app, &send);
        sign_in_adapter::connect(app, &send);
        sell_adapter::connect(app, &send);
        articles_adapter::connect(app, &send, &self.fields);
        customers_adapter::connect(app, &send, &self.fields);
        customer_adapter::connect(app, &send);
        pay_adapter::connect(app, &send);
        receipt_adapter::connect(app, &send);
        delivery_adapter::connect(app, &send, &self.fields);
        sync_adapter::connect(app, &send);
        recovery_adapter::connect(app, &send);
        count_adapter::connect(app, &send);
    }

    /// Sends what a person does on the viewfinder and in the diagnostics view to `ask`, which must not block.
    pub fn connect_viewfinder(&self, ask: impl Fn(Ask) + 'static) {
        diagnostics_adapter::connect(&self.app, ask);
    }

    /// Has tones played by `player` and not by the machine.
    pub fn play_with(&self, player: impl Player + 'static) {
        self.player.replace(Some(Box::new(player)));
    }

    /// Shows `screen`, touching only the views whose part of it changed.
    pub fn show(&self, screen: &Screen) {
        let before = self.shown.replace(Some(screen.clone()));
        let old = before.as_ref();
        let app = &self.app;
        shell_adapter::show(app, screen, old);
        macro_rules! show_changed {
            ($($part:ident => $show:expr;)*) => {$(
                if old.is_none_or(|old| old.$part != screen.$part) {
                    $show;
                }
            )*};
        }
        show_changed! {
            enrol => enrol_adapter::show(app, &screen.enrol, old.map(|old| &old.enrol));
            sign_in => sign_in_adapter::show(app, &screen.sign_in);
            sell => sell_adapter::show(app, &screen.sell);
            articles => articles_adapter::show(app, &screen.articles, &self.fields);
            customers => customers_adapter::show(app, &screen.customers, &self.fields);
            customer => customer_adapter::show(app, &screen.customer);
            pay => pay_adapter::show(app, &screen.pay);
            receipt => receipt_adapter::show(app, &screen.receipt);
            delivery => delivery_adapter::show(app, &screen.delivery, &self.fields);
            sync => sync_adapter::show(app, &screen.sync);
            recovery => recovery_adapter::show(app, &screen.recovery);
            count => count_adapter::show(app, &screen.count);
        }
        if old.is_none_or(|old| old.view != screen.view) {
            delivery_adapter::start_over(app);
        }
        self.sound(&screen.sell, screen.sound);
    }

    /// Shows the window and runs the event loop until it is closed.
    ///
    /// # Errors
    /// The display is gone.
    pub fn run(&self) -> Result<(), PlatformError> {
        self.app.run()
    }

    fn sound(&self, sell: &SellScreen, is_on: bool) {
        if let Some(tone) = self.bell.borrow_mut().ring(sell, is_on) {
            let mut player = self.player.borrow_mut();
            player.get_or_insert_with(|| Box::new(Speaker::start())).play(tone);
        }
    }
}

/// Draws every text with the bundled fonts, on every machine alike: without this, Chinese would depend on what
/// the system has installed, and a bare image has nothing.
fn use_bundled_fonts_only() {
    let mut collection = slint::fontique_011::shared_collection();
    let families: Vec<_> = FAMILIES.iter().filter_map(|name| collection.family_id(name)).collect();
    if families.len() < FAMILIES.len() {
        tracing::warn!("a bundled font is missing; some text may not be readable");
    }
    for generic in [
        fontique::GenericFamily::SansSerif,
        fontique::GenericFamily::SystemUi,
        fontique::GenericFamily::UiSansSerif,
    ] {
        collection.set_generic_families(generic, families.iter().copied());
    }
}
