//! What the README claims of the terminal's storage, measured: `cargo bench -p crossroads-store -- [--quick]`.
//!
//! Runs in three processes of its own, so that each has a memory peak of its own: `generate` writes snapshot chunks
//! as central would, `load` applies them, `use` opens the database as a till does in the morning and works with it.
//! The goods are invented, their vocabulary follows Zipf's law: the commonest word stands in a third of all names.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
// A bench is what clocks are for.
#![allow(clippy::disallowed_methods)]

use domain::basket::Basket;
use domain::gtin::{Gtin, check_digit};
use domain::id::{CustomerId, IdSource, StaffId, StoreId, TenderId, TerminalId};
use domain::money::{Currency, Money};
use domain::order::Fulfilment;
use domain::pricing::price;
use domain::tender::{Tender, TenderKind};
use domain::time::DeviceTime;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use store::{FileKeyStore, NewOrder, Payment, Store, StoreOptions};
use sync::ports::{DeviceKey, SyncStore, TerminalIdentity};
use sync::protocol::feed::{
    AddressRow, ArticleRow, CustomerRow, Feed, StoreRow, TaxGroupRow, TaxRateRow,
};
use sync::protocol::snapshot::{ChunkInfo, FeedSnapshot, SnapshotLine};
use sync::snapshot::pack;
use uuid::Uuid;

const ROWS_A_CHUNK: usize = 25_000;
const AT: DeviceTime = DeviceTime(1_800_000_000_000);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let articles = if is_quick { 100_000 } else { 1_000_000 };
    let customers = articles / 10;
    let value = |name: &str| -> Option<&String> {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    if let (Some(phase), Some(directory)) = (value("--phase"), value("--directory")) {
        let directory = Path::new(directory);
        match phase.as_str() {
            "generate" => generate(directory, articles, customers),
            "load" => load(directory),
            _ => work(directory),
        }
        return;
    }
    // Beside the build, so that the disk measured is the one that the person chose.
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-store");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    machine(&directory);
    println!("articles {articles}, customers {customers}\n");
    for phase in ["generate", "load", "use"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--phase", phase, "--directory"]).arg(&directory);
        if is_quick {
            command.arg("--quick");
        }
        assert!(command.status().unwrap().success(), "the phase {phase} failed");
    }
    fs::remove_dir_all(&directory).unwrap();
}

// ---- the machine

fn machine(directory: &Path) {
    let field = |file: &str, name: &str| -> String {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or("");
        line.split_once(':').map_or("?", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let directory = directory.canonicalize().unwrap();
    let mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.len() > 2 && directory.starts_with(fields[1]))
        .max_by_key(|fields| fields[1].len());
    let disk = mount.map_or("?".into(), |fields| format!("{} on {}", fields[2], fields[0]));
    println!("cpu     {} x {cores}", field("/proc/cpuinfo", "model name"));
    println!("kernel  {}", kernel.trim());
    println!("disk    {disk}");
}

/// Peak of this process' resident memory, in MB.
fn peak_rss_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024.0 / 1e6
}

// ---- figures

/// Durations in order of size.
struct Sample(Vec<Duration>);

impl Sample {
    fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort();
        Self(durations)
    }
    fn ms(&self, quantile: f64) -> f64 {
        let at = ((self.0.len() - 1) as f64 * quantile).round() as usize;
        self.0[at].as_secs_f64() * 1e3
    }
    fn print(&self, name: &str) {
        println!(
            "{name:<44} n {:>6}  p50 {:>8.3} ms  p95 {:>8.3}  p99 {:>8.3}  max {:>8.3}",
            self.0.len(),
            self.ms(0.5),
            self.ms(0.95),
            self.ms(0.99),
            self.ms(1.0)
        );
    }
}

fn timed<T>(durations: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let answer = work();
    durations.push(start.elapsed());
    answer
}

// ---- invented goods and people

/// SplitMix64 (Steele, Lea, Flood 2014): enough chance for goods.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }
}

/// Words with Zipf's law: the n-th is drawn n times more rarely than the first.
struct Vocabulary {
    words: Vec<String>,
    cumulative: Vec<f64>,
}

const COMMON: &str = "bio schokolade classic original natur milch käse joghurt brot kaffee tee saft wasser \
    vanille erdbeer apfel tomaten pasta reis müsli butter crème poulet rind schwein lachs salat gemüse frucht \
    zucker honig öl essig senf bier wein rosé blanc rouge fromage lait chocolat pain thé café eau sel poivre \
    light zero family mini maxi premium budget selection vegan laktosefrei glutenfrei haltbar frisch tiefkühl";
const SYLLABLES: &str = "ba be bi bo bu ca ce chi co cu da de di do du fa fe fi fo ga ge gi go gu ha he hi ho \
    ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu pa pe pi po pu ra re ri ro ru sa se si so su ta te \
    ti to tu va ve vi vo wa we wi za ze zi zo schi stra sta spe tra bra kro gla fli ner ler sen ten lin son";

impl Vocabulary {
    fn new(chance: &mut Chance, common: &str, count: usize) -> Self {
        let syllables: Vec<&str> = SYLLABLES.split_whitespace().collect();
        let mut words: Vec<String> = common.split_whitespace().map(str::to_owned).collect();
        while words.len() < count {
            let length = 2 + chance.below(3);
            words.push((0..length).map(|_| syllables[chance.below(syllables.len())]).collect());
        }
        let mut cumulative = Vec::with_capacity(count);
        let mut sum = 0.0;
        for rank in 1..=words.len() {
            sum += 1.0 / rank as f64;
            cumulative.push(sum);
        }
        Self { words, cumulative }
    }

    fn draw(&self, chance: &mut Chance) -> &str {
        let target = chance.unit() * self.cumulative.last().unwrap();
        let at = self.cumulative.partition_point(|sum| *sum < target);
        &self.words[at.min(self.words.len() - 1)]
    }

    fn phrase(&self, chance: &mut Chance, words: usize) -> String {
        (0..words).map(|_| self.draw(chance)).collect::<Vec<_>>().join(" ")
    }
}

/// Numbers of a bijection, so that no two articles share one and neighbours stand far apart.
fn gtin(article: usize) -> Gtin {
    let scattered = (article as u64).wrapping_mul(387_420_489) % 1_000_000_000;
    let body = format!("952{scattered:09}");
    Gtin::parse(&format!("{body}{}", check_digit(&body).unwrap())).unwrap()
}

fn write_chunk(
    directory: &Path,
    feed: Feed,
    table: &str,
    rows: &[String],
    infos: &mut Vec<ChunkInfo>,
) {
    let lines: Vec<SnapshotLine> = rows
        .iter()
        .map(|json| SnapshotLine {
            table: table.into(),
            key: "-".into(),
            row: RawValue::from_string(json.clone()).unwrap(),
        })
        .collect();
    let chunk = pack(&lines).unwrap();
    let name = format!("{}-{:04}.chunk", feed.name(), infos.len());
    fs::write(directory.join(name), &chunk.bytes).unwrap();
    infos.push(chunk.info);
}

fn write_plan(directory: &Path, feed: Feed, chunks: Vec<ChunkInfo>) {
    let rows = chunks.iter().map(|chunk| chunk.rows).sum();
    let plan = FeedSnapshot { feed, cursor: "1".into(), rows, chunks, checkpoint: None };
    let path = directory.join(format!("{}.plan", feed.name()));
    fs::write(path, serde_json::to_string(&plan).unwrap()).unwrap();
}

fn generate(directory: &Path, articles: usize, customers: usize) {
    let mut chance = Chance(7);
    let mut infos = Vec::new();
    write_chunk(directory, Feed::Config, "store", &[store_json()], &mut infos);
    write_plan(directory, Feed::Config, infos);
    let (mut infos, mut rows) = (Vec::new(), Vec::new());
    let goods = Vocabulary::new(&mut chance, COMMON, 30_000);
    let mut sample = String::new();
    let mut longest = BTreeMap::new();
    for number in 0..articles {
        let words = 2 + chance.below(4);
        let name = goods.phrase(&mut chance, words);
        let size = [100, 200, 250, 400, 500, 750, 1000][chance.below(7)];
        let detail = format!("{} {size}g", goods.draw(&mut chance));
        for word in name.split(' ').collect::<std::collections::BTreeSet<_>>() {
            *longest.entry(word.to_owned()).or_insert(0usize) += 1;
        }
        // Every so many articles are looked for later, popular and unpopular ones alike.
        if number % (articles / 500) == 0 {
            sample.push_str(&format!("{number}\t{name}\n"));
        }
        let row = ArticleRow {
            id: chance.uuid(),
            gtins: vec![gtin(number).to_gtin14()],
            packs: vec![],
            name,
            detail,
            category: format!("Food / {} / {}", number % 17, number % 211),
            unit: "piece".into(),
            price_minor: 50 + chance.below(5_000) as i64,
            currency: "CHF".into(),
            tax_group: "food".into(),
            price_version: 1,
            rank: number as u32 + 1,
        };
        rows.push(serde_json::to_string(&row).unwrap());
        if rows.len() == ROWS_A_CHUNK || number + 1 == articles {
            write_chunk(directory, Feed::Catalogue, "article", &rows, &mut infos);
            rows.clear();
        }
    }
    write_plan(directory, Feed::Catalogue, infos);
    fs::write(directory.join("articles.sample"), sample).unwrap();
    let commonest = longest.iter().max_by_key(|(_, count)| **count).unwrap();
    println!(
        "commonest word `{}` stands in {:.0} % of the names, {} different words",
        commonest.0,
        *commonest.1 as f64 * 100.0 / articles as f64,
        longest.len()
    );
    generate_customers(directory, customers, &mut chance);
}

fn generate_customers(directory: &Path, customers: usize, chance: &mut Chance) {
    let first = Vocabulary::new(chance, "anna marie peter hans luca sophie jean", 800);
    let last = Vocabulary::new(chance, "müller meier schmid keller weber huber", 8_000);
    let (mut infos, mut rows) = (Vec::new(), Vec::new());
    let mut sample = String::new();
    for number in 0..customers {
        let (given, family) = (first.draw(chance).to_owned(), last.draw(chance).to_owned());
        let phone = format!("+41 79 {:03} {:04}", chance.below(1000), chance.below(10_000));
        let email = format!("{given}.{family}{}@example.org", number % 997);
        if number % (customers / 200) == 0 {
            sample.push_str(&format!("{given} {family}\n{phone}\n{email}\n"));
            sample.push_str(&format!("{family}\n0{}\n", &phone[4..]));
        }
        let row = CustomerRow {
            id: chance.uuid(),
            name: format!("{given} {family}"),
            phones: vec![phone],
            emails: vec![email],
            cards: vec![format!("2950{number:09}")],
            addresses: vec![AddressRow {
                name: format!("{given} {family}"),
                street: format!("Bahnhofstrasse {}", number % 200),
                postal_code: format!("{}", 1000 + number % 9000),
                city: last.draw(chance).to_owned(),
                country: "CH".into(),
            }],
            since_ms: AT.0,
        };
        rows.push(serde_json::to_string(&row).unwrap());
        if rows.len() == ROWS_A_CHUNK || number + 1 == customers {
            write_chunk(directory, Feed::Customers, "customer", &rows, &mut infos);
            rows.clear();
        }
    }
    write_plan(directory, Feed::Customers, infos);
    fs::write(directory.join("customers.sample"), sample).unwrap();
}

fn staff() -> Uuid {
    Uuid::from_u128(1)
}
fn store_id() -> Uuid {
    Uuid::from_u128(2)
}

fn store_json() -> String {
    let food = TaxRateRow { name: "MWST".into(), rate_ppm: 26_000 };
    serde_json::to_string(&StoreRow {
        id: store_id(),
        code: "S001".into(),
        name: "Bern".into(),
        address: "Bern".into(),
        country: "CH".into(),
        currency: "CHF".into(),
        time_zone: "Europe/Zurich".into(),
        prices_include_tax: true,
        smallest_coin_minor: 5,
        notes_minor: vec![],
        tax_groups: vec![TaxGroupRow { key: "food".into(), rates: vec![food] }],
        slots: vec![],
        delivery_tax_group: "food".into(),
        label_layouts: vec![],
        code_keys: vec![],
    })
    .unwrap()
}

// ---- loading

struct Ids(Chance);
impl IdSource for Ids {
    fn next_uuid(&mut self) -> Uuid {
        self.0.uuid()
    }
}

fn open(directory: &Path, seed: u64) -> Store {
    let options = StoreOptions::in_directory(directory.join("store"));
    let keys = FileKeyStore::in_directory(&options.directory);
    Store::open(&options, &keys, Box::new(Ids(Chance(seed)))).unwrap()
}

fn load(directory: &Path) {
    let store = open(directory, 1);
    let identity = TerminalIdentity {
        id: TerminalId::from_uuid(Uuid::from_u128(3)),
        epoch: 0,
        name: "T01".into(),
        store: StoreId::from_uuid(store_id()),
        store_name: "Bern".into(),
        central: "http://localhost".into(),
        device_key: DeviceKey([1; 32]),
    };
    store.enrol(&identity, "bench", AT).unwrap();
    for feed in [Feed::Config, Feed::Catalogue, Feed::Customers] {
        let path = directory.join(format!("{}.plan", feed.name()));
        let plan: FeedSnapshot = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        store.begin_snapshot(&plan).unwrap();
        let mut durations = Vec::new();
        for (number, chunk) in plan.chunks.iter().enumerate() {
            let path = directory.join(format!("{}-{number:04}.chunk", feed.name()));
            let bytes = fs::read(path).unwrap();
            timed(&mut durations, || store.apply_chunk(feed, &chunk.sha256, &bytes, AT)).unwrap();
        }
        let seconds: f64 = durations.iter().map(Duration::as_secs_f64).sum();
        println!(
            "load {:<12} {:>9} rows in {seconds:>6.1} s = {:>7.0} rows/s, first chunk {:.0} ms, last {:.0} ms",
            feed.name(),
            plan.rows,
            plan.rows as f64 / seconds,
            durations.first().unwrap().as_secs_f64() * 1e3,
            durations.last().unwrap().as_secs_f64() * 1e3,
        );
        assert_eq!(store.feed_progress(feed).unwrap().rows, plan.rows);
    }
    store.close();
    let size = fs::metadata(directory.join("store/crossroads.db")).unwrap().len();
    println!("database size {:.1} MB", size as f64 / 1e6);
    println!("peak RSS while loading {:.1} MB\n", peak_rss_mb());
}

// ---- a day's work

fn work(directory: &Path) {
    let mut durations = Vec::new();
    let store = timed(&mut durations, || open(directory, 2));
    println!("reopen (files in the page cache) {:.1} ms", durations[0].as_secs_f64() * 1e3);
    let sample = fs::read_to_string(directory.join("articles.sample")).unwrap();
    let sample: Vec<(usize, &str)> = sample
        .lines()
        .map(|line| line.split_once('\t').map(|(at, name)| (at.parse().unwrap(), name)).unwrap())
        .collect();
    let articles = store.feed_progress(Feed::Catalogue).unwrap().rows as usize;
    look_up(&store, articles);
    search_articles(&store, &sample);
    let customers = fs::read_to_string(directory.join("customers.sample")).unwrap();
    search_customers(&store, &customers);
    let mut durations = Vec::new();
    for _ in 0..1_000 {
        timed(&mut durations, || store.sync_status().unwrap());
    }
    Sample::new(durations).print("sync status");
    commit(&store, directory, articles);
    println!("peak RSS in use {:.1} MB", peak_rss_mb());
    store.close();
}

fn look_up(store: &Store, articles: usize) {
    let mut chance = Chance(11);
    let mut durations = Vec::new();
    for _ in 0..50_000 {
        let gtin = gtin(chance.below(articles));
        let found = timed(&mut durations, || store.article_by_gtin(gtin).unwrap());
        assert!(found.is_some());
    }
    Sample::new(durations).print("lookup by GTIN, any article");
    let mut durations = Vec::new();
    for _ in 0..50_000 {
        // Most scans are of few articles.
        let popular = (articles as f64).powf(chance.unit()) as usize;
        let gtin = gtin(popular.min(articles - 1));
        timed(&mut durations, || store.article_by_gtin(gtin).unwrap());
    }
    Sample::new(durations).print("lookup by GTIN, as popular as they sell");
    let missing = Gtin::parse("4006381333931").unwrap();
    let mut durations = Vec::new();
    for _ in 0..10_000 {
        assert!(timed(&mut durations, || store.article_by_gtin(missing).unwrap()).is_none());
    }
    Sample::new(durations).print("lookup by GTIN, unknown");
}

/// Types a text letter by letter.
fn keystrokes(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(at, letter)| &text[..at + letter.len_utf8()])
}

fn search_articles(store: &Store, sample: &[(usize, &str)]) {
    let mut all = Vec::new();
    let mut by_length: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    let mut by_words: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    let mut slowest: Vec<(Duration, String)> = Vec::new();
    for (_, name) in sample {
        let text: String = name.split(' ').take(3).collect::<Vec<_>>().join(" ");
        for query in keystrokes(&text) {
            let mut duration = Vec::new();
            let found = timed(&mut duration, || store.search_articles(query, 20).unwrap());
            assert!(!found.is_empty(), "`{query}` is the beginning of an article");
            let words = query.split(' ').count();
            if words == 1 {
                by_length.entry(query.chars().count().min(10)).or_default().push(duration[0]);
            }
            by_words.entry(words).or_default().push(duration[0]);
            slowest.push((duration[0], query.to_owned()));
            all.push(duration[0]);
        }
    }
    Sample::new(all).print("search articles as you type, each keystroke");
    for (words, durations) in by_words {
        Sample::new(durations).print(&format!("  while typing word {words}"));
    }
    for (length, durations) in by_length {
        Sample::new(durations).print(&format!("  first word, {length} letters"));
    }
    slowest.sort_by_key(|(duration, _)| std::cmp::Reverse(*duration));
    for (duration, query) in slowest.iter().take(5) {
        println!("  slow: {:>8.3} ms `{query}`", duration.as_secs_f64() * 1e3);
    }
    let mut durations = Vec::new();
    for (number, _) in sample {
        let digits = gtin(*number).display_digits();
        for query in keystrokes(&digits) {
            timed(&mut durations, || store.search_articles(query, 20).unwrap());
        }
        for length in 4..8 {
            let ending = &digits[digits.len() - length..];
            timed(&mut durations, || store.search_articles(ending, 20).unwrap());
        }
    }
    Sample::new(durations).print("search articles by digits, each keystroke");
}

fn search_customers(store: &Store, sample: &str) {
    let mut durations = Vec::new();
    for text in sample.lines() {
        for query in keystrokes(text) {
            timed(&mut durations, || store.search_customers(query, 20).unwrap());
        }
        let found = store.search_customers(text, 20).unwrap();
        assert!(!found.is_empty(), "`{text}` is a customer");
    }
    Sample::new(durations).print("search customers as you type, each keystroke");
}

/// What the disk itself takes: 4 KiB written to blocks that exist, and flushed.
fn bare_writes(directory: &Path, count: usize) -> Sample {
    let path = directory.join("bare");
    let mut file =
        File::options().create(true).truncate(true).read(true).write(true).open(path).unwrap();
    file.write_all(&vec![0; 4096 * 256]).unwrap();
    file.sync_all().unwrap();
    let page = [0x5a; 4096];
    let mut durations = Vec::new();
    for number in 0..count {
        file.seek(SeekFrom::Start((number % 256 * 4096) as u64)).unwrap();
        timed(&mut durations, || {
            file.write_all(&page).unwrap();
            file.sync_data().unwrap();
        });
    }
    let mut byte = [0];
    file.read_exact(&mut byte).ok();
    Sample::new(durations)
}

fn commit(store: &Store, directory: &Path, articles: usize) {
    let shift = store.open_shift(StaffId::from_uuid(staff()), AT).unwrap();
    let taxes = store.store_config().unwrap().unwrap().taxes;
    let (mut ids, mut chance) = (Ids(Chance(99)), Chance(5));
    let bare_before = bare_writes(directory, 1_000);
    let mut durations = Vec::new();
    for number in 0..2_000 {
        let mut basket = Basket::new(Currency::CHF, &mut ids);
        for _ in 0..5 {
            let gtin = gtin(chance.below(articles));
            let article = store.article_by_gtin(gtin).unwrap().unwrap();
            basket.add(&article, Some(gtin), Fulfilment::Carry, &mut ids).unwrap();
        }
        basket.customer = Some(CustomerId::from_uuid(Uuid::from_u128(4)));
        let priced = price(&basket, None, &taxes).unwrap();
        let tender = Tender {
            id: TenderId::mint(&mut ids),
            kind: TenderKind::Cash,
            given: priced.total,
            change: Money::zero(Currency::CHF),
        };
        let payment = Payment {
            due: priced.total,
            rounding: Money::zero(Currency::CHF),
            tenders: vec![tender],
        };
        let order = NewOrder {
            basket,
            priced,
            delivery: None,
            payment: Some(payment),
            shift: shift.id,
            staff: shift.staff,
            store: StoreId::from_uuid(store_id()),
            placed_at: DeviceTime(AT.0 + number),
        };
        timed(&mut durations, || store.commit_order(order).unwrap());
    }
    let bare_after = bare_writes(directory, 1_000);
    let bare = Sample::new(bare_before.0.into_iter().chain(bare_after.0).collect());
    let commits = Sample::new(durations);
    bare.print("bare 4 KiB write + fdatasync");
    commits.print("durable commit of a 5-line order");
    println!(
        "  commit / bare: p50 {:.2}, p99 {:.2}",
        commits.ms(0.5) / bare.ms(0.5),
        commits.ms(0.99) / bare.ms(0.99)
    );
    let start = Instant::now();
    let report = store.verify_journal().unwrap();
    assert_eq!(report.fault, None);
    println!(
        "verify the chain of {} events {:.1} ms",
        report.events,
        start.elapsed().as_secs_f64() * 1e3
    );
}
