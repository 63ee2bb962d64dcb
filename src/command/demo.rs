//! `crossroads demo`: the main job played from end to end against a central of its own, with a picture of every
//! step and a summary that compares both sides to the last minor unit.
//!
//! It drives the view-models through the same commands as `crossroads drive`, reads its articles from camera
//! frames through the same decoder, and paints the same window into memory, so it needs no display. It writes only
//! below its output folder, and starts over there each time.

use super::driver::{Command, Driver, Reply, Until};
use super::say;
use super::session::{self, SessionArguments};
use anyhow::{Context, bail, ensure};
use clap::Args;
use crossroads::app::intent::{Role, View};
use crossroads::app::screen::Screen;
use crossroads::app::terminal::Terminal;
use crossroads::view::Window;
use crossroads::view::contact_sheet::{DEVICES, Device};
use crossroads::view::headless::Headless;
use domain::time::Clock;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What to play.
#[derive(Args, Clone, Debug)]
pub struct DemoArguments {
    /// Plays the script by itself (there is no other way yet; the flag says what happens).
    #[arg(long)]
    script: bool,
    /// Where pictures, summary and the demo's databases go. What an earlier demo left there is removed.
    #[arg(long, default_value = "target/demo")]
    out: PathBuf,
    /// Frames that stand in for a camera.
    #[arg(long, default_value = "assets/demo/frames")]
    replay: PathBuf,
    /// Articles of the demo chain, at least a thousand: the script looks for Müsli.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    articles: u32,
    /// Size of the pictures: `480x800`, `720x1280` or `1280x800`.
    #[arg(long, default_value = "720x1280")]
    size: String,
    /// Language of the pictures: en, fr, de, zh-Hans, zh-Hant.
    #[arg(long, default_value = "en")]
    language: String,
}

/// The central of the demo, ended with it.
struct DemoCentral {
    child: Child,
    program: PathBuf,
    data: PathBuf,
    address: String,
}

impl Drop for DemoCentral {
    fn drop(&mut self) {
        // It may have ended by itself; either way it must not outlive the demo.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = std::process::Command::new(program)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(output.status.success(), "{} {arguments:?} failed", program.display());
    Ok(String::from_utf8(output.stdout)?)
}

impl DemoCentral {
    fn start(out: &Path, articles: u32) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("crossroads-central");
        ensure!(program.exists(), "{} is missing; build it first", program.display());
        let data = out.join("central");
        let path = data.to_str().context("the output folder's name is not UTF-8")?.to_owned();
        let [articles, customers, orders] =
            [articles, articles / 10, articles / 2].map(|number| number.max(24).to_string());
        run(
            &program,
            &[
                "seed",
                "--data",
                &path,
                "--articles",
                &articles,
                "--customers",
                &customers,
                "--orders",
                &orders,
                "--seed",
                "1",
                "--demo",
            ],
        )?;
        let mut child = std::process::Command::new(&program)
            .args(["serve", "--data", &path, "--listen", "127.0.0.1:0", "--print-address"])
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("central has no output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().trim_end_matches('/').to_owned();
        let central = Self { child, program, data, address };
        ensure!(central.address.starts_with("http://"), "central did not start");
        Ok(central)
    }

    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let data = self.data.to_str().context("the output folder's name is not UTF-8")?;
        let mut all = vec![arguments[0], "--data", data, "--json"];
        all.extend(&arguments[1..]);
        Ok(serde_json::from_str(&run(&self.program, &all)?)?)
    }
}

/// The window, painted into memory.
struct Display {
    window: Window,
    headless: Headless,
}

/// The device of that size.
fn device(size: &str) -> anyhow::Result<&'static Device> {
    DEVICES
        .iter()
        .find(|device| device.name == size)
        .with_context(|| format!("`{size}` is not one of 480x800, 720x1280, 1280x800"))
}

impl Display {
    fn open(device: &Device, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let clock = Arc::clone(clock);
        let headless =
            Headless::install(Rc::new(move || Duration::from_millis(clock.monotonic_ms())))?;
        let window = Window::new()?;
        headless.resize(device.width, device.height, device.scale_factor);
        slint::ComponentHandle::show(window.app())?;
        Ok(Self { window, headless })
    }

    /// Shows a screen and lets what moves come to rest.
    fn show(&self, screen: &Screen) {
        self.window.show(screen);
        self.headless.settle();
        std::thread::sleep(REST);
        self.headless.settle();
    }
}

/// Longer than any motion of the window.
const REST: Duration = Duration::from_millis(350);

/// One played step: what was done, and the picture of it.
struct Player {
    driver: Driver,
    display: Display,
    out: PathBuf,
    steps: Vec<Value>,
}

impl Player {
    /// Executes a command that must succeed.
    fn done(&mut self, command: Command) -> anyhow::Result<Reply> {
        let reply = self.driver.execute(&command);
        if !reply.ok {
            let words = serde_json::to_string(&command)?;
            bail!("the demo stopped at {words}: {}", serde_json::to_string(&reply)?);
        }
        Ok(reply)
    }

    /// Takes a picture of what is on the screen now.
    fn picture(&mut self, name: &str, words: &str) -> anyhow::Result<()> {
        let number = self.steps.len() + 1;
        let file = format!("{number:02}-{name}.png");
        self.display.show(&self.driver.terminal.screen());
        self.display.headless.picture().save(&self.out.join(&file))?;
        say(&format!("{number:>3}  {words}"));
        self.steps.push(json!({ "picture": file, "step": words }));
        Ok(())
    }

    fn wait(&mut self, until: Until) -> anyhow::Result<()> {
        self.done(Command::Wait { until, timeout_ms: Some(120_000) }).map(|_| ())
    }

    /// Holds an article before the camera.
    fn scan(&mut self, frames: &mut super::run::ReplayedCodes) -> anyhow::Result<Reply> {
        let seen = frames.next_code()?;
        let preview = self.display.window.preview();
        preview.post(&seen.luma, seen.width, seen.height);
        if let Some(outline) = seen.outline {
            preview.outline(outline);
        }
        self.display.headless.settle();
        let symbology = Some(seen.code.symbology.name().to_owned());
        self.done(Command::Scan { text: seen.code.text, symbology })
    }
}

/// Plays the demo.
pub fn demo(arguments: &DemoArguments) -> anyhow::Result<ExitCode> {
    let out = &arguments.out;
    let language = serde_json::from_value(Value::String(arguments.language.clone()))
        .with_context(|| format!("`{}` is not a shipped language", arguments.language))?;
    let device = device(&arguments.size)?;
    let mut frames = super::run::ReplayedCodes::open(&arguments.replay).context(
        "the demo needs pictures of labels: run it from the project's folder, or name some with --replay",
    )?;
    clean(out)?;
    say("Starting a demo chain and its central …");
    let central = DemoCentral::start(out, arguments.articles)?;
    let session = session::open(&SessionArguments {
        data: out.join("terminal"),
        printer: format!("simulated:{}", out.join("paper").display()),
    })?;
    let display = Display::open(device, &session.clock)?;
    let terminal = Terminal::new(session.parts)?;
    let mut player = Player {
        driver: Driver::new(terminal, session.received, session.clock),
        display,
        out: out.clone(),
        steps: Vec::new(),
    };
    player.driver.terminal.handle(crossroads::app::terminal::Input::Camera("replay".into()));
    player.done(Command::Language { language })?;
    let notes = play(&mut player, &central, &mut frames)?;
    let is_equal = summarise(&mut player, &central, notes)?;
    drop(player);
    session.runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says that a folder was made by a demo and may be emptied by the next.
const MARKER: &str = ".crossroads-demo";

/// Removes what an earlier demo left, and nothing else.
fn clean(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out)?;
    let is_empty = std::fs::read_dir(out)?.next().is_none();
    ensure!(
        is_empty || out.join(MARKER).exists(),
        "{} has files that no demo made; choose an empty folder with --out",
        out.display()
    );
    std::fs::write(out.join(MARKER), "")?;
    for entry in std::fs::read_dir(out)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if matches!(name, "terminal" | "central" | "paper") && path.is_dir() {
            std::fs::remove_dir_all(&path)?;
        } else if name.ends_with(".png") || name.starts_with("summary.") {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// What is worth telling in the summary besides the totals.
struct Notes {
    first_sale_at_percent: u64,
    orders_while_cut: u64,
    customer_orders: (u64, u64),
}

fn play(
    player: &mut Player,
    central: &DemoCentral,
    frames: &mut super::run::ReplayedCodes,
) -> anyhow::Result<Notes> {
    let first_sale_at_percent = open_shop(player, central, frames)?;
    let before = advise_customer(player)?;
    pay_cash(player, "a note of a hundred francs", 10_000)?;
    let (orders_while_cut, after) = sell_on_without_central(player, frames)?;
    Ok(Notes { first_sale_at_percent, orders_while_cut, customer_orders: (before, after) })
}

/// Enrol, sign in, sell the first article while the catalogue is still arriving.
fn open_shop(
    player: &mut Player,
    central: &DemoCentral,
    frames: &mut super::run::ReplayedCodes,
) -> anyhow::Result<u64> {
    player.picture("enrol", "a new device asks for its one-time code")?;
    let answer = central.json(&["enrol-code", "--store", "S001", "--terminal", "T01"])?;
    let code = answer["code"].as_str().context("central gave no code")?.to_owned();
    player.done(Command::Enrol { central: central.address.clone(), code })?;
    player.wait(Until::Config)?;
    player.picture("sign-in", "enrolled: who is holding it?")?;
    player.done(Command::SignIn { staff: None, pin: "1234".into() })?;
    player.wait(Until::Articles)?;
    player.scan(frames)?;
    let percent = u64::from(player.driver.terminal.screen().status.first_sync_percent);
    player
        .picture("first-scan", "the first article is scanned while the catalogue still arrives")?;
    player.done(Command::Open { view: View::Sync })?;
    player.picture("first-sync", "how far the first sync is")?;
    player.done(Command::Back)?;
    player.wait(Until::FirstSync)?;
    player.scan(frames)?;
    player.scan(frames)?;
    player.picture("basket", "three articles in the basket")?;
    player.done(Command::FindArticle { query: "musli".into() })?;
    player.picture("article-search", "an article without a label: \"musli\" finds Müsli")?;
    player.done(Command::Add { position: 0 })?;
    player.done(Command::Open { view: View::Sell })?;
    Ok(percent)
}

/// The same customer by name, phone, e-mail and card; her purchases on all channels.
fn advise_customer(player: &mut Player) -> anyhow::Result<u64> {
    for query in ["079 555 01 23", "marie.blanc@example.org", "marie bl"] {
        let found = player.done(Command::FindCustomer { query: query.into() })?;
        ensure!(found.data["rows"][0]["name"] == "Marie Blanc", "`{query}` did not find her");
    }
    player.picture("customer-search", "the customer, found by name (phone and e-mail do, too)")?;
    let page = player.done(Command::Customer { position: 0 })?;
    player.picture("customer", "her purchases in the shop, on the web and by phone")?;
    let orders = page.data["order_count"].as_u64().unwrap_or(0);
    let card = page.data["card"].as_str().context("she has a card")?.to_owned();
    player.done(Command::Open { view: View::Sell })?;
    let attached = player.done(Command::Scan { text: card, symbology: None })?;
    ensure!(attached.data["customer"] == "Marie Blanc", "her card is not recognised");
    player.picture("card", "her card is scanned: the basket is hers")?;
    Ok(orders)
}

fn pay_cash(player: &mut Player, words: &str, minor: i64) -> anyhow::Result<()> {
    player.done(Command::Pay)?;
    player.picture("pay", "what is due, and the notes people give")?;
    player.done(Command::Cash { minor: Some(minor) })?;
    player.picture("receipt", &format!("paid with {words}: change and receipt"))?;
    player.done(Command::NewSale)?;
    Ok(())
}

/// The line is cut: sell on, look her up again, take a home delivery; then the line returns.
fn sell_on_without_central(
    player: &mut Player,
    frames: &mut super::run::ReplayedCodes,
) -> anyhow::Result<(u64, u64)> {
    player.wait(Until::OutboxEmpty)?;
    player.done(Command::Cut { on: true })?;
    player.scan(frames)?;
    player.scan(frames)?;
    player.picture("line-cut", "the line to central is cut; selling goes on")?;
    player.done(Command::Pay)?;
    player.done(Command::Cash { minor: None })?;
    player.done(Command::NewSale)?;
    player.done(Command::FindCustomer { query: "Blanc".into() })?;
    let page = player.done(Command::Customer { position: 0 })?;
    let orders = page.data["order_count"].as_u64().unwrap_or(0);
    player.picture(
        "customer-offline",
        "the same customer without a line, today's purchase included",
    )?;
    player.done(Command::Attach)?;

    player.done(Command::Role { role: Role::Customer })?;
    player.scan(frames)?;
    player.scan(frames)?;
    player.scan(frames)?;
    player.picture("customer-role", "the customer scans at the shelf, to be delivered home")?;
    player.done(Command::Deliver)?;
    player.done(Command::Slot { position: 1 })?;
    player.picture("delivery", "address and time of the delivery")?;
    player.done(Command::Confirm)?;
    player.picture("delivery-placed", "the delivery is placed, to be paid at the door")?;
    player.done(Command::NewSale)?;
    player.driver.execute(&Command::Role { role: Role::Cashier });
    player.picture("pin-to-leave", "leaving the customer's role needs a PIN")?;
    player.done(Command::SignIn { staff: None, pin: "1234".into() })?;

    player.done(Command::Open { view: View::Sync })?;
    player.picture("outbox", "what waits for central")?;
    player.done(Command::Cut { on: false })?;
    player.done(Command::Sync)?;
    player.wait(Until::OutboxEmpty)?;
    player.done(Command::Dismiss)?;
    player.picture("outbox-empty", "the line is back: nothing waits")?;
    Ok((2, orders))
}

/// Compares both sides and writes the summary; true when they agree.
fn summarise(player: &mut Player, central: &DemoCentral, notes: Notes) -> anyhow::Result<bool> {
    let here = player.done(Command::Status)?.data["totals"].clone();
    let there = central.json(&["report"])?;
    let terminal = there["terminals"]
        .as_array()
        .and_then(|rows| rows.iter().find(|row| row["terminal"] == "T01"))
        .cloned()
        .unwrap_or(Value::Null);
    let money = |minor: &Value| {
        let minor = minor.as_i64().unwrap_or(i64::MIN);
        domain::Money::new(minor, domain::Currency::CHF).to_string()
    };
    let sides = [
        ("orders", here["orders"].to_string(), terminal["orders"].to_string()),
        ("paid orders", here["paid_orders"].to_string(), terminal["paid_orders"].to_string()),
        ("total", text(&here["total"][0]), money(&terminal["total_minor"])),
        ("taken in cash", text(&here["tendered"][0]), money(&terminal["tendered_minor"])),
    ];
    let is_equal = sides.iter().all(|(_, here, there)| here == there);
    let mut lines = vec![String::new(), format!("{:<16}{:>18}{:>18}", "", "terminal", "central")];
    lines
        .extend(sides.iter().map(|(name, here, there)| format!("{name:<16}{here:>18}{there:>18}")));
    let (before, after) = notes.customer_orders;
    lines.push(String::new());
    lines.push(format!(
        "first article sold with {} % of the first sync in",
        notes.first_sale_at_percent
    ));
    lines.push(format!("{} orders were taken while the line was cut", notes.orders_while_cut));
    lines.push(format!(
        "the customer's history: {before} orders before, {after} after her purchase"
    ));
    lines.push(format!("outbox: {} waiting", player.driver.terminal.screen().status.waiting));
    lines.push(if is_equal { "both sides agree" } else { "THE SIDES DIFFER" }.to_owned());
    lines.iter().for_each(|line| say(line));
    let summary = json!({
        "agree": is_equal,
        "terminal": here,
        "central": terminal,
        "first_sale_at_percent": notes.first_sale_at_percent,
        "orders_while_cut": notes.orders_while_cut,
        "steps": player.steps,
    });
    std::fs::write(player.out.join("summary.txt"), lines.join("\n") + "\n")?;
    std::fs::write(player.out.join("summary.json"), serde_json::to_string_pretty(&summary)?)?;
    Ok(is_equal)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
