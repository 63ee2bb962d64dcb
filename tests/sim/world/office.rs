//! The office: what people and time do to central.

use super::{Happening, World};
use crate::central_side::Version;
use crate::plan::Act;
use crate::violation::{Check, Invariant};
use central::feed::{self, EVERYBODY, Put};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rusqlite::Connection;
use sync::protocol::feed::{ArticleRow, CustomerRow, Feed, StaffRow, StockRow};
use uuid::Uuid;

/// A catalogue is never emptied further.
const ARTICLES_MIN: usize = 4;
/// Idle terminals ask central every five minutes where it stands (PROTOCOL.md); nothing else shows them that it was
/// put back if its feeds go on as before. And a minute for what follows.
const WATERMARK_MS: u64 = 6 * 60_000;

/// What central does not do as asked is a defect of central.
pub(super) fn done<T>(result: Result<T, String>) -> Check<T> {
    result.or_else(|what| Invariant::NoPanic.broken(what))
}

impl World {
    pub(super) fn office(&mut self, act: &Act) -> Check {
        match *act {
            Act::Publish(draw) => self.publish(draw)?,
            Act::CentralBackup => done(self.central.back_up())?,
            Act::CentralRestore(is_told) => self.restore_central(is_told)?,
            Act::CentralRestart => {
                self.tally.note("central: restarted");
                self.central.host().restart();
            }
            Act::CentralVersion { is_newer, for_ms } => {
                self.tally.note(if is_newer { "central: newer" } else { "central: older" });
                let version = if is_newer { Version::Newer } else { Version::Older };
                self.central.set_version(version);
                self.after(for_ms, Happening::VersionEnds);
            }
            Act::Revoke(device) => self.revoke(device)?,
            Act::Review(draw) => self.review(Some(draw), false)?,
            Act::Compact => self.compact()?,
            ref other => unreachable!("{other:?} is not the office's"),
        }
        self.wake_polls()
    }

    fn restore_central(&mut self, is_told: bool) -> Check {
        let held = self.central.seen.held.len();
        if !done(self.central.restore(is_told))? {
            return Ok(());
        }
        if !is_told {
            self.is_doubtful = true;
            self.doubt_until_ms = self.now_ms + WATERMARK_MS;
        }
        self.tally.note("central: restored from a backup");
        let lost = held - self.central.seen.held.len();
        self.tally.add("central: events lost by its restore", lost as u64);
        self.note(|| format!("central is restored, {lost} events back"));
        let all: Vec<_> = self.ledger.facts.keys().copied().collect();
        self.forget_what_is_gone(&all)
    }

    fn compact(&mut self) -> Check {
        self.tally.note("central: compacted");
        let central = self.central.host().central();
        let removed = central.compact().and_then(|gone| central.sweep().map(|_| gone));
        let removed = done(removed.map_err(|error| error.to_string()))?;
        self.tally.add("central: tombstones forgotten", removed);
        self.note(|| format!("central forgets {removed} tombstones"));
        Ok(())
    }

    /// Central's clock.
    pub(super) fn central_ms(&self) -> i64 {
        self.central.host().central().rim().now_ms()
    }

    fn revoke(&mut self, number: usize) -> Check {
        let Some(life) = self.devices[number].journal.heads.keys().last().copied() else {
            return Ok(());
        };
        self.tally.note("terminal: revoked");
        let now_ms = self.central_ms();
        let terminal = life.terminal.uuid();
        done(self.central.write(move |c| central::life::revoke(c, terminal, now_ms)))?;
        Ok(())
    }

    fn publish(&mut self, draw: u64) -> Check {
        self.tally.note("central: published");
        let mut rng = StdRng::seed_from_u64(draw);
        match rng.random_range(0..12) {
            0..=3 => self.change_price(&mut rng),
            4..=6 => self.book_goods(&mut rng),
            7 => self.drop_article(&mut rng),
            8 => self.add_article(&mut rng),
            9 => self.change_customer(&mut rng),
            10 => self.drop_customer(&mut rng),
            _ => self.change_staff(&mut rng),
        }
    }

    pub(super) fn keys(&self, table: &'static str, scope: i64) -> Check<Vec<Uuid>> {
        let sql = "SELECT key FROM feed_row
                   WHERE tbl = ?1 AND scope = ?2 AND row IS NOT NULL ORDER BY key";
        done(self.central.read(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map(rusqlite::params![table, scope], |row| row.get(0))?;
            let keys: Vec<[u8; 16]> = rows.collect::<Result<_, _>>()?;
            Ok(keys.into_iter().map(Uuid::from_bytes).collect())
        }))
    }

    fn any_article(&self, rng: &mut StdRng) -> Check<Option<ArticleRow>> {
        let keys = self.keys("article", EVERYBODY)?;
        let Some(key) = keys.get(rng.random_range(0..keys.len().max(1))).copied() else {
            return Ok(None);
        };
        let read =
            move |c: &Connection| feed::get::<ArticleRow>(c, Feed::Catalogue, EVERYBODY, key);
        Ok(done(self.central.read(read))?.map(|(row, _)| row))
    }

    fn change_price(&mut self, rng: &mut StdRng) -> Check {
        let Some(mut row) = self.any_article(rng)? else { return Ok(()) };
        row.price_minor = rng.random_range(5..20_000);
        done(self.central.write(move |c| {
            row.price_version = central::price::next_version(c)?;
            central::price::put_article(c, &row)
        }))
    }

    /// Goods came, or somebody found fewer than there should be.
    fn book_goods(&mut self, rng: &mut StdRng) -> Check {
        let Some(article) = self.any_article(rng)? else { return Ok(()) };
        let (scope, delta) = (rng.random_range(1..=2), rng.random_range(-5..50));
        let key = article.id;
        done(self.central.write(move |c| put_stock(c, scope, key, delta)))?;
        *self.central.seen.base_stock.entry((scope, key)).or_default() += delta;
        Ok(())
    }

    fn drop_article(&mut self, rng: &mut StdRng) -> Check {
        if self.keys("article", EVERYBODY)?.len() <= ARTICLES_MIN {
            return Ok(());
        }
        let Some(article) = self.any_article(rng)? else { return Ok(()) };
        self.tally.note("central: deleted a row");
        let (gone, now_ms) = (article.id, self.central_ms());
        let delete =
            move |c: &Connection| feed::delete(c, Feed::Catalogue, EVERYBODY, gone, now_ms);
        done(self.central.write(delete))?;
        Ok(())
    }

    fn add_article(&mut self, rng: &mut StdRng) -> Check {
        let Some(mut row) = self.any_article(rng)? else { return Ok(()) };
        row.id = Uuid::from_u128(u128::from(rng.next_u64()) | 0xA7 << 120);
        let body = format!("9521{:08}", rng.random_range(0..100_000_000));
        let Some(check) = domain::gtin::check_digit(&body) else { return Ok(()) };
        row.gtins = vec![format!("0{body}{check}")];
        row.name = format!("Novelty {}", rng.random_range(0..1_000));
        let (key, scope) = (row.id, rng.random_range(1..=2));
        done(self.central.write(move |c| {
            row.price_version = central::price::next_version(c)?;
            central::price::put_article(c, &row)?;
            put_stock(c, scope, key, 10)
        }))?;
        *self.central.seen.base_stock.entry((scope, key)).or_default() += 10;
        Ok(())
    }

    fn change_customer(&mut self, rng: &mut StdRng) -> Check {
        let keys = self.keys("customer", EVERYBODY)?;
        let Some(key) = keys.get(rng.random_range(0..keys.len().max(1))).copied() else {
            return Ok(());
        };
        let name = format!("Customer {}", rng.random_range(0..1_000));
        done(self.central.write(move |c| {
            let known = feed::get::<CustomerRow>(c, Feed::Customers, EVERYBODY, key)?;
            let Some((mut row, rank)) = known else { return Ok(()) };
            row.name = name;
            let (feed, scope) = (Feed::Customers, EVERYBODY);
            feed::put(c, &Put { feed, scope, table: "customer", key, rank }, &row)
        }))
    }

    fn drop_customer(&mut self, rng: &mut StdRng) -> Check {
        let keys = self.keys("customer", EVERYBODY)?;
        let Some(key) = keys.get(rng.random_range(0..keys.len().max(1))).copied() else {
            return Ok(());
        };
        self.tally.note("central: deleted a row");
        let now_ms = self.central_ms();
        let delete = move |c: &Connection| feed::delete(c, Feed::Customers, EVERYBODY, key, now_ms);
        done(self.central.write(delete))?;
        Ok(())
    }

    fn change_staff(&mut self, rng: &mut StdRng) -> Check {
        let scope = rng.random_range(1..=2);
        let keys = self.keys("staff", scope)?;
        let Some(key) = keys.first().copied() else { return Ok(()) };
        let name = format!("Person {}", rng.random_range(0..1_000));
        done(self.central.write(move |c| {
            let known = feed::get::<StaffRow>(c, Feed::Config, scope, key)?;
            let Some((mut row, rank)) = known else { return Ok(()) };
            row.name = name;
            let feed = Feed::Config;
            feed::put(c, &Put { feed, scope, table: "staff", key, rank }, &row)
        }))
    }
}

fn put_stock(
    connection: &Connection,
    scope: i64,
    key: Uuid,
    delta: i64,
) -> Result<(), central::CentralError> {
    let known = feed::get::<StockRow>(connection, Feed::Stock, scope, key)?;
    let (mut row, rank) = known.unwrap_or((StockRow { article: key, on_hand: 0 }, i64::MAX));
    row.on_hand += delta;
    let feed = Feed::Stock;
    feed::put(connection, &Put { feed, scope, table: "stock", key, rank }, &row)
}
