//! A small central and the terminals of a test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central::seed::{self, Plan, Seeded, UNTIL_MS};
use central::task::Unwatched;
use central::{Central, CentralError, Fault, Rim, ServeOptions, enrol};
use domain::event::Event;
use domain::id::{
    ArticleId, CustomerId, LineId, OrderId, ShiftId, StaffId, StoreId, TenderId, TerminalId,
};
use domain::money::{Currency, Money};
use domain::order::{Fulfilment, Order, OrderLine};
use domain::quantity::Quantity;
use domain::tax::{TaxAmount, TaxRate};
use domain::tender::{Tender, TenderKind};
use domain::time::DeviceTime;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use sync::protocol::auth::token_message;
use sync::protocol::event::{EventHash, Place, SealedEvent, Stamp, seal};
use sync::protocol::feed::ArticleRow;
use tokio::sync::oneshot;
use uuid::Uuid;

/// A clock that stands until a test moves it, and numbers that count.
pub struct TestRim {
    now_ms: AtomicI64,
    counter: AtomicU64,
}
impl TestRim {
    pub fn new() -> Arc<Self> {
        let now_ms = AtomicI64::new(1_800_000_000_000);
        Arc::new(Self { now_ms, counter: AtomicU64::new(1) })
    }
    pub fn pass_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}
impl Rim for TestRim {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> i64 {
        self.now_ms()
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CentralError> {
        let number = self.counter.fetch_add(1, Ordering::SeqCst);
        let mut state = EventHash::of(&number.to_be_bytes());
        for chunk in bytes.chunks_mut(32) {
            chunk.copy_from_slice(&state.0[..chunk.len()]);
            state = EventHash::of(&state.0);
        }
        Ok(())
    }
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub rim: Arc<TestRim>,
    pub central: Arc<Central>,
    pub address: String,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<()>>,
}

pub fn seeded(dir: &Path, rim: Arc<TestRim>, articles: u64) -> Arc<Central> {
    let central = Central::open_with(dir, rim).unwrap();
    let plan = Plan::new((articles, 10, 60), 2, 7, UNTIL_MS);
    assert_eq!(seed::run(&central, &plan, &mut Unwatched).unwrap(), Seeded::Whole);
    central
}

impl World {
    pub async fn new() -> Self {
        Self::with(40, Fault::None).await
    }

    pub async fn with(articles: u64, fault: Fault) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rim = TestRim::new();
        let (path, for_seed) = (dir.path().to_path_buf(), Arc::clone(&rim));
        let central =
            tokio::task::spawn_blocking(move || seeded(&path, for_seed, articles)).await.unwrap();
        let mut world = Self {
            dir,
            rim,
            central,
            address: String::new(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            stop: None,
            served: None,
        };
        world.serve(fault).await;
        world
    }

    pub async fn serve(&mut self, fault: Fault) {
        self.stop().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.address = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let central = Arc::clone(&self.central);
        let served = async move {
            let until = async { drop(stopped.await) };
            central::serve(listener, central, ServeOptions { fault }, until).await.unwrap();
        };
        self.stop = Some(stop);
        self.served = Some(tokio::spawn(served));
    }

    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            served.await.unwrap();
        }
    }

    /// Reads central's database.
    pub async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, CentralError> + Send + 'static,
    ) -> T {
        let central = Arc::clone(&self.central);
        tokio::task::spawn_blocking(move || central.database().read(work)).await.unwrap().unwrap()
    }

    /// Changes central's database.
    pub async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, CentralError> + Send + 'static,
    ) -> T {
        let central = Arc::clone(&self.central);
        let run = move || central.database().writer().run(work);
        tokio::task::spawn_blocking(run).await.unwrap().unwrap()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        self.look(move |c| Ok(c.query_row(sql, [], |row| row.get(0))?)).await
    }

    /// A one-time code for a store.
    pub async fn code(&self, store_no: i64, name: Option<&'static str>) -> String {
        let code = enrol::draw_code(self.rim.as_ref()).unwrap();
        let (hash, now) = (code.hash, self.rim.now_ms());
        self.change(move |c| enrol::store_code(c, hash, store_no, name, (now, 600_000))).await;
        code.code
    }

    /// Any request; status and JSON (null when it is none).
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.address);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn admin(&self, method: &str, path: &str) -> (u16, Value) {
        self.decide(method, path, None).await
    }

    pub async fn decide(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let token = std::fs::read_to_string(central::admin_token_path(self.dir.path())).unwrap();
        self.send(method, path, Some(token.trim()), body).await
    }

    /// What is held back now, as people see it.
    pub async fn quarantine(&self) -> Vec<Value> {
        let (_, list) = self.admin("GET", "/v1/quarantine?limit=1000").await;
        list["events"].as_array().unwrap().clone()
    }

    pub async fn strays(
        &self,
        terminal: &Terminal,
        of: (Uuid, u32),
        events: &[&str],
    ) -> (u16, Value) {
        let path = format!("/v1/terminals/{}/strays", terminal.id);
        let body = json!({"terminal": of.0, "epoch": of.1, "events": events});
        self.send("POST", &path, Some(&terminal.token), Some(body)).await
    }

    /// Registers the next life of a terminal, with a new key; returns the answer and what the terminal is then.
    pub async fn renew(&self, former: &Terminal, key: u8) -> ((u16, Value), Terminal) {
        let mut next = former.next_life(key);
        let path = format!("/v1/terminals/{}/renewals", former.id);
        let body = json!({
            "former_epoch": former.epoch, "epoch": next.epoch, "reason": "forked", "software": "t",
            "public_key": STANDARD.encode(next.key.verifying_key().as_bytes()),
        });
        let answer = self.send("POST", &path, Some(&former.token), Some(body)).await;
        if answer.0 == 200 {
            next.token = self.token(&next).await.1["token"].as_str().unwrap_or_default().into();
        }
        (answer, next)
    }

    /// A terminal of store 1 with a token.
    pub async fn terminal(&self, key: u8) -> Terminal {
        self.terminal_of(key, 1, None).await
    }

    pub async fn terminal_of(&self, key: u8, store: i64, name: Option<&'static str>) -> Terminal {
        let code = self.code(store, name).await;
        let key = SigningKey::from_bytes(&[key; 32]);
        let (status, answer) = self.enrol(&code, &key).await;
        assert_eq!(status, 200, "{answer}");
        let uuid = |field: &str| answer[field].as_str().unwrap().parse().unwrap();
        let epoch = answer["epoch"].as_u64().unwrap() as u32;
        let mut terminal = Terminal::new(uuid("terminal_id"), epoch, uuid("store_id"), &key);
        let (status, answer) = self.token(&terminal).await;
        assert_eq!(status, 200, "{answer}");
        terminal.token = answer["token"].as_str().unwrap().into();
        terminal
    }

    pub async fn enrol(&self, code: &str, key: &SigningKey) -> (u16, Value) {
        let public_key = STANDARD.encode(key.verifying_key().as_bytes());
        let body = json!({"code": code, "public_key": public_key, "software": "test 1"});
        self.send("POST", "/v1/enrol", None, Some(body)).await
    }

    pub async fn nonce(&self, terminal: Uuid) -> String {
        let body = json!({"terminal_id": terminal});
        let (_, answer) = self.send("POST", "/v1/token/nonce", None, Some(body)).await;
        answer["nonce"].as_str().unwrap().into()
    }

    pub async fn token(&self, terminal: &Terminal) -> (u16, Value) {
        let nonce = self.nonce(terminal.id).await;
        self.token_for(terminal, &nonce).await
    }

    pub async fn token_for(&self, terminal: &Terminal, nonce: &str) -> (u16, Value) {
        let signature = terminal.key.sign(&token_message(terminal.id, nonce));
        let signature = STANDARD.encode(signature.to_bytes());
        let body = json!({"terminal_id": terminal.id, "nonce": nonce, "signature": signature,
            "epoch": terminal.epoch});
        self.send("POST", "/v1/token", None, Some(body)).await
    }

    pub async fn push(&self, terminal: &Terminal, events: &[SealedEvent]) -> (u16, Value) {
        let from_seq = events.first().map_or(1, |event| event.place.seq);
        let bytes: Vec<&str> = events.iter().map(|event| event.bytes.as_str()).collect();
        self.push_raw(terminal, terminal.epoch, from_seq, &bytes).await
    }

    pub async fn push_raw(
        &self,
        terminal: &Terminal,
        epoch: u32,
        from_seq: u64,
        events: &[&str],
    ) -> (u16, Value) {
        let path = format!("/v1/terminals/{}/events", terminal.id);
        let body = json!({"epoch": epoch, "from_seq": from_seq, "events": events});
        self.send("POST", &path, Some(&terminal.token), Some(body)).await
    }

    pub async fn get(&self, terminal: &Terminal, path: &str) -> (u16, Value) {
        self.send("GET", path, Some(&terminal.token), None).await
    }

    /// The article of that number in the seed.
    pub async fn article(&self, number: u64) -> ArticleRow {
        let (_, row) = self
            .look(move |c| {
                let sql = "SELECT rank, row FROM feed_row WHERE feed = 2 AND rank = ?1";
                Ok(c.query_row(sql, [number as i64], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
                })?)
            })
            .await;
        serde_json::from_str(&row).unwrap()
    }

    pub async fn marie(&self) -> Uuid {
        self.look(|c| {
            let sql = "SELECT key FROM feed_row WHERE feed = 4 ORDER BY rank LIMIT 1";
            Ok(Uuid::from_bytes(c.query_row(sql, [], |row| row.get(0))?))
        })
        .await
    }
}

/// A terminal as its own journal sees it.
pub struct Terminal {
    pub id: Uuid,
    pub epoch: u32,
    pub store: Uuid,
    pub key: SigningKey,
    pub token: String,
    pub head: (u64, EventHash),
    ids: u128,
}

impl Terminal {
    /// Just enrolled: nothing written, no token.
    pub fn new(id: Uuid, epoch: u32, store: Uuid, key: &SigningKey) -> Self {
        Self {
            id,
            epoch,
            store,
            key: key.clone(),
            token: String::new(),
            head: (0, EventHash::GENESIS),
            ids: (u128::from(id.as_u64_pair().1) << 32) + (u128::from(key.to_bytes()[0]) << 24),
        }
    }

    /// The life that it begins by itself.
    pub fn next_life(&self, key: u8) -> Self {
        Self {
            id: self.id,
            epoch: self.epoch + 1,
            store: self.store,
            key: SigningKey::from_bytes(&[key; 32]),
            token: String::new(),
            head: (0, EventHash::GENESIS),
            ids: self.ids + (1 << 20),
        }
    }

    /// Appends to the journal what happened at that time by this clock.
    pub fn seal_at(&mut self, stamp: Stamp, event: &Event) -> SealedEvent {
        let sealed = seal(self.place(), self.head.1, stamp, event);
        self.head = (sealed.place.seq, sealed.hash);
        sealed
    }

    pub fn mint(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn place(&self) -> Place {
        let terminal = TerminalId::from_uuid(self.id);
        Place { terminal, epoch: self.epoch, seq: self.head.0 + 1 }
    }

    /// Appends to the journal.
    pub fn seal(&mut self, event: &Event) -> SealedEvent {
        self.seal_at(Stamp::bare(1_800_000_000_000), event)
    }

    /// Appends an event that this build's types cannot make.
    pub fn seal_raw(&mut self, kind: &str, body: &Value) -> SealedEvent {
        let place = self.place();
        let bytes = json!({
            "terminal": self.id, "epoch": self.epoch, "seq": place.seq,
            "prev": self.head.1.to_string(), "at_ms": 5, "type": kind, "v": 1, "body": body,
        })
        .to_string();
        let sealed = SealedEvent { place, hash: EventHash::of(bytes.as_bytes()), bytes };
        self.head = (sealed.place.seq, sealed.hash);
        sealed
    }

    pub fn shift_opened(&mut self) -> (ShiftId, SealedEvent) {
        let shift = ShiftId::from_uuid(self.mint());
        let staff = StaffId::from_uuid(Uuid::from_u128(3));
        (shift, self.seal(&Event::ShiftOpened { shift, staff }))
    }

    /// An order of some articles, taxed as the demo stores do.
    pub fn order(&mut self, articles: &[(&ArticleRow, i64)], customer: Option<Uuid>) -> Order {
        let chf = |minor| Money::new(minor, Currency::CHF);
        let mut lines = Vec::new();
        let mut sums = [("food", 26_000, 0), ("standard", 81_000, 0)];
        for (row, amount) in articles {
            let unit: domain::Unit = row.unit.parse().unwrap();
            let total =
                domain::pricing::line_total(chf(row.price_minor), Quantity::new(*amount, unit))
                    .unwrap();
            sums.iter_mut().find(|sum| sum.0 == row.tax_group).unwrap().2 += total.minor();
            lines.push(OrderLine {
                id: LineId::from_uuid(self.mint()),
                article: ArticleId::from_uuid(row.id),
                gtin: None,
                name: row.name.clone(),
                quantity: Quantity::new(*amount, unit),
                unit_price: chf(row.price_minor),
                total,
                tax_group: row.tax_group.clone(),
                price_version: row.price_version,
                fulfilment: Fulfilment::Carry,
            });
        }
        let taxes = sums.iter().filter(|sum| sum.2 != 0).map(|(_, rate_ppm, sum)| {
            let rate = TaxRate { name: "MWST".into(), rate_ppm: *rate_ppm };
            let part = chf(*sum)
                .checked_ratio(
                    i64::from(*rate_ppm),
                    1_000_000 + i64::from(*rate_ppm),
                    domain::Rounding::HalfUp,
                )
                .unwrap();
            TaxAmount { rate, base: chf(sum - part.minor()), amount: part }
        });
        Order {
            id: OrderId::from_uuid(self.mint()),
            number: format!("S001-T01-0-{:06}", self.head.0),
            store: StoreId::from_uuid(self.store),
            shift: ShiftId::from_uuid(Uuid::from_u128(1)),
            staff: StaffId::from_uuid(Uuid::from_u128(2)),
            customer: customer.map(CustomerId::from_uuid),
            placed_at: DeviceTime(1_800_000_000_000),
            taxes: taxes.collect(),
            total: chf(lines.iter().map(|line| line.total.minor()).sum()),
            lines,
            delivery: None,
        }
    }

    pub fn placed(&mut self, order: &Order) -> SealedEvent {
        self.seal(&Event::OrderPlaced(Box::new(order.clone())))
    }

    /// Cash for an order: rounded to five, a note given.
    pub fn paid(&mut self, order: &Order) -> SealedEvent {
        let due = domain::tender::cash_due(order.total, 5).unwrap();
        let given = Money::new(due.amount.minor() + 1000, Currency::CHF);
        let tender = Tender {
            id: TenderId::from_uuid(self.mint()),
            kind: TenderKind::Cash,
            given,
            change: Money::new(1000, Currency::CHF),
        };
        self.seal(&Event::OrderPaid {
            order: order.id,
            due: order.total,
            rounding: due.rounding,
            tenders: vec![tender],
        })
    }
}
