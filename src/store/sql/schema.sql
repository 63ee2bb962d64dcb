-- The terminal's database, version 5. Loaded once into a fresh file; later versions come by migrations/.
--
-- Words: base_* is what central last said, own_* is what this terminal did (a projection of the journal),
-- all else is this device's own state. Identities are UUIDs as BLOB(16); times are milliseconds since 1970 UTC
-- by the clock that the writer read (*_at_ms); money is integer minor units beside its ISO 4217 code.

-- One row a life: an enrolment, or a renewal by the terminal itself. The newest is who this device is now; older
-- ones stay, since their events may still wait. The head counters make every status O(1): an event waits when its
-- seq > acked_seq, so the outbox is a range of the journal and not a second table.
CREATE TABLE life (
    number          INTEGER PRIMARY KEY,
    terminal        BLOB NOT NULL,
    epoch           INTEGER NOT NULL,
    name            TEXT NOT NULL,
    store           BLOB NOT NULL,
    store_name      TEXT NOT NULL,
    central         TEXT NOT NULL,
    device_key      BLOB NOT NULL,
    standing        TEXT NOT NULL,              -- registered, unregistered, closed
    former_epoch    INTEGER,                    -- of a renewal: the epoch that it follows
    reason          TEXT,                       -- of a renewal: forked, restored, recovered
    base_position   INTEGER NOT NULL,           -- journal position of seq 0: position = base_position + seq
    last_seq        INTEGER NOT NULL DEFAULT 0,
    last_hash       BLOB NOT NULL,
    last_at_ms      INTEGER NOT NULL,           -- a clock set back a little does not show
    last_hlc        INTEGER NOT NULL DEFAULT 0, -- hybrid logical clock, its 64 bits as they are
    clock_offset_ms INTEGER,                    -- central's clock minus ours; NULL: unknown
    receipt_counter INTEGER NOT NULL DEFAULT 0, -- invariant 3
    acked_seq       INTEGER NOT NULL DEFAULT 0,
    acked_hash      BLOB NOT NULL,              -- the chain of what waits hangs on this, whatever the disk did
    acked_at_ms     INTEGER,
    numbered_seq    INTEGER,                    -- events behind it go as strays; NULL: all go by number
    strayed_seq     INTEGER NOT NULL DEFAULT 0, -- of those, central holds the ones up to here
    strayed_at_ms   INTEGER,
    included_seq    INTEGER NOT NULL DEFAULT 0, -- own events up to here are inside the visible rows of stock
    promised_seq    INTEGER NOT NULL DEFAULT 0, -- acked_seq when stock was last complete; see stock.rs
    UNIQUE (terminal, epoch)
) STRICT;

-- Numbers whose events the journal lacks: noted when a damaged database is recovered, or where a run of events is
-- found missing. A hole that is not noted here is damage that nobody has seen yet.
CREATE TABLE hole (
    life      INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (life, first_seq)
) STRICT, WITHOUT ROWID;

-- Events that were found in a damaged database beside the journal, since another one has their number. They go to
-- central as strays, and count nowhere here.
CREATE TABLE stray (
    hash      BLOB PRIMARY KEY,
    life      INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    bytes     TEXT NOT NULL,
    is_booked INTEGER NOT NULL DEFAULT 0        -- central holds it
) STRICT, WITHOUT ROWID;

-- Append-only. The bytes are written once and never encoded again (invariant 2).
CREATE TABLE journal (
    position  INTEGER PRIMARY KEY,              -- gapless over all lives
    kind      TEXT NOT NULL,
    aggregate BLOB,
    at_ms     INTEGER NOT NULL,
    prev      BLOB NOT NULL,
    hash      BLOB NOT NULL,
    bytes     TEXT NOT NULL
) STRICT;

-- What central holds but could not apply; replaced as central says.
CREATE TABLE held_back (
    position INTEGER PRIMARY KEY,
    outcome  TEXT NOT NULL,
    code     TEXT
) STRICT;

-- Projection of order.placed and order.paid. The whole order is read from the journal by position.
CREATE TABLE own_order (
    position      INTEGER PRIMARY KEY,          -- of order.placed
    id            BLOB NOT NULL UNIQUE,
    basket        BLOB NOT NULL UNIQUE,         -- the same basket is never sold twice
    number        TEXT NOT NULL,
    shift         BLOB NOT NULL,
    customer      BLOB,
    placed_at_ms  INTEGER NOT NULL,
    currency      TEXT NOT NULL,
    total_minor   INTEGER NOT NULL,
    paid_position INTEGER                       -- of order.paid; NULL: due on delivery
) STRICT;
-- The profile asks for one customer's orders; anonymous ones are not in it.
CREATE INDEX own_order_by_customer ON own_order (customer, placed_at_ms) WHERE customer IS NOT NULL;
-- A receipt is scanned. Not unique: what a device was before may have given the number too.
CREATE INDEX own_order_by_number ON own_order (number);

CREATE TABLE own_line (
    position    INTEGER NOT NULL REFERENCES own_order (position),
    ordinal     INTEGER NOT NULL,
    article     BLOB NOT NULL,
    quantity    INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    PRIMARY KEY (position, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE own_tender (
    position     INTEGER NOT NULL REFERENCES own_order (position),
    ordinal      INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    currency     TEXT NOT NULL,
    given_minor  INTEGER NOT NULL,
    change_minor INTEGER NOT NULL,
    PRIMARY KEY (position, ordinal)
) STRICT, WITHOUT ROWID;

-- The stock overlay: what each event did to an article. Clustered by article, since that is how it is asked.
CREATE TABLE own_stock (
    article  BLOB NOT NULL,
    position INTEGER NOT NULL,
    delta    INTEGER NOT NULL,
    PRIMARY KEY (article, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE shift (
    id            BLOB PRIMARY KEY,
    staff         BLOB NOT NULL,
    opened_at_ms  INTEGER NOT NULL,
    opened_position INTEGER NOT NULL,
    closed_at_ms  INTEGER
) STRICT, WITHOUT ROWID;
-- At most one shift is open.
CREATE UNIQUE INDEX shift_open ON shift ((1)) WHERE closed_at_ms IS NULL;

-- The basket in work and those put aside: local state, not events (they may change at every scan).
CREATE TABLE draft (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    basket BLOB NOT NULL,
    body   TEXT NOT NULL
) STRICT;
CREATE TABLE parked (
    basket       BLOB PRIMARY KEY,
    parked_at_ms INTEGER NOT NULL,
    body         TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Baskets that could not be read back, as they were, for support; the program never reads them.
CREATE TABLE unreadable_basket (
    number       INTEGER PRIMARY KEY,
    basket       BLOB NOT NULL,
    parked_at_ms INTEGER,                       -- NULL: it was in work
    body         TEXT NOT NULL
) STRICT;

-- A counted list: local state like the basket in work, and no event. At most one; who began it, and when.
CREATE TABLE stock_count (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    begun_at_ms INTEGER NOT NULL,
    staff       BLOB NOT NULL,
    name        TEXT NOT NULL                   -- as it was then
) STRICT;
CREATE TABLE stock_count_line (
    line       BLOB PRIMARY KEY,
    place      INTEGER NOT NULL,                -- the greatest is the newest
    article    BLOB NOT NULL,
    unit       TEXT NOT NULL,
    stock_unit TEXT NOT NULL,                   -- another one where a label says no weight
    amount     INTEGER NOT NULL,
    packs      INTEGER NOT NULL,                -- of what is weighed or measured
    gtin       INTEGER,
    name       TEXT NOT NULL                    -- as it was when it was counted
) STRICT, WITHOUT ROWID;

-- What this device remembers of people: guards of their PINs, and who signed in last.
CREATE TABLE staff_memory (
    staff           BLOB PRIMARY KEY,
    failures        INTEGER NOT NULL DEFAULT 0,
    locked_until_ms INTEGER NOT NULL DEFAULT 0,
    last_position   INTEGER NOT NULL DEFAULT 0  -- journal position of the last shift.opened
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each feed is. A cursor is written with the rows it stands for (invariant 5).
CREATE TABLE feed (
    name              TEXT PRIMARY KEY,
    cursor            TEXT,
    plan              TEXT,                       -- JSON of the snapshot being loaded
    chunks_applied    INTEGER NOT NULL DEFAULT 0,
    rows_applied      INTEGER NOT NULL DEFAULT 0,
    rows              INTEGER NOT NULL DEFAULT 0,
    generation        INTEGER NOT NULL DEFAULT 0, -- rises with each snapshot; older rows go with its last chunk
    is_sweep_due      INTEGER NOT NULL DEFAULT 0, -- rows of an older generation may exist
    visible_stage     INTEGER NOT NULL DEFAULT 0, -- see base_stock
    moved_at_ms       INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO feed (name) VALUES ('config'), ('catalogue'), ('stock'), ('customers'), ('history');

-- What the rows of each table of central add up to (sync::digest), kept as they come and go, in their transaction.
-- Rows that version 2 wrote have no digest; the sum is compared from the next whole snapshot on.
CREATE TABLE base_digest (
    name     TEXT PRIMARY KEY,                  -- of the table, as central calls it
    rows     INTEGER NOT NULL DEFAULT 0,
    sum      BLOB NOT NULL,                     -- 16 bytes, big-endian
    is_whole INTEGER NOT NULL DEFAULT 1         -- every row is in the sum
) STRICT, WITHOUT ROWID;
INSERT INTO base_digest (name, sum) VALUES
    ('store', zeroblob(16)), ('staff', zeroblob(16)), ('article', zeroblob(16)), ('stock', zeroblob(16)),
    ('customer', zeroblob(16)), ('order', zeroblob(16));

-- The rows of the config feed once more, on pages of their own: a damaged page must not leave a shop in which nobody
-- can sign in. Kept by triggers; read when a damaged database is recovered.
CREATE TABLE spare_config (
    name TEXT NOT NULL,                         -- of the table, as central calls it
    id   BLOB NOT NULL,
    row  TEXT NOT NULL,
    PRIMARY KEY (name, id)
) STRICT, WITHOUT ROWID;
-- Rows of the config feed are few and read whole: kept as the JSON that came.
CREATE TABLE base_store (
    id         BLOB PRIMARY KEY,
    row        TEXT NOT NULL,
    generation INTEGER NOT NULL,
    digest     BLOB                            -- of the row as it came: sync::digest
) STRICT, WITHOUT ROWID;
CREATE TABLE base_staff (
    id         BLOB PRIMARY KEY,
    row        TEXT NOT NULL,
    generation INTEGER NOT NULL,
    digest     BLOB
) STRICT, WITHOUT ROWID;
CREATE TRIGGER store_kept AFTER INSERT ON base_store BEGIN
    INSERT OR REPLACE INTO spare_config VALUES ('store', new.id, new.row);
END;
CREATE TRIGGER store_dropped AFTER DELETE ON base_store BEGIN
    DELETE FROM spare_config WHERE name = 'store' AND id = old.id;
END;
CREATE TRIGGER staff_kept AFTER INSERT ON base_staff BEGIN
    INSERT OR REPLACE INTO spare_config VALUES ('staff', new.id, new.row);
END;
CREATE TRIGGER staff_dropped AFTER DELETE ON base_staff BEGIN
    DELETE FROM spare_config WHERE name = 'staff' AND id = old.id;
END;

-- place is the order of popularity (rank * 4 + tie): search streams rowids in this order and never sorts.
-- It stays while the rank stays within a factor of two of placed_rank.
CREATE TABLE base_article (
    place         INTEGER PRIMARY KEY,
    id            BLOB NOT NULL,
    placed_rank   INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    price_minor   INTEGER NOT NULL,
    price_version INTEGER NOT NULL,
    currency      TEXT NOT NULL,
    unit          TEXT NOT NULL,
    tax_group     TEXT NOT NULL,
    gtins         BLOB NOT NULL,                -- eight bytes each, big-endian: pieces, number; the printed one first
    name          TEXT NOT NULL,
    detail        TEXT NOT NULL,
    category      TEXT NOT NULL,
    digest        BLOB
) STRICT;
-- A table and not an index of base_article, so that a chunk can write it in the order of its pages: identities
-- are random, and a million of them do not fit the cache.
CREATE TABLE base_article_id (
    id    BLOB PRIMARY KEY,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- A scan is one descent in this tree, and one in base_article.
CREATE TABLE base_gtin (
    number  INTEGER PRIMARY KEY,
    article INTEGER NOT NULL
) STRICT;
-- Words folded by domain::text. Contentless: the words can be made again from base_article.
-- detail=none keeps no positions (a third of the size); Chinese is indexed by character and by pair instead.
-- Prefixes up to five letters have lists of their own, so that the first letters typed are answered by a stream.
CREATE VIRTUAL TABLE article_text USING fts5 (
    words, content = '', columnsize = 0, detail = none, tokenize = 'ascii', prefix = '1 2 3 4 5'
);
-- Words of six letters and more that were ever indexed: a longer prefix is asked for as the few words that begin
-- with it, each of which is a stream, where FTS5 would first merge the lists of all of them.
CREATE TABLE article_word (
    word TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
-- The last four digits of each number: people read them aloud, and they leave a hundred of a million. A full-text
-- index, because it is written in runs; as a tree it would be one more random page for each article.
CREATE VIRTUAL TABLE article_ending_text USING fts5 (
    words, content = '', columnsize = 0, detail = none, tokenize = 'ascii'
);

-- A change of stock is staged: on_hand counts once stage <= feed.visible_stage, until then before does. A
-- complete page makes its stage visible and moves included_position in one transaction, so that a sale is
-- never counted twice, not even between two pages.
CREATE TABLE base_stock (
    article    BLOB PRIMARY KEY,
    on_hand    INTEGER,                         -- NULL: no such row (any more)
    before     INTEGER,
    stage      INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    digest     BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE base_customer (
    number     INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    row        TEXT NOT NULL,
    digest     BLOB
) STRICT;
-- What a customer is found by, apart from the name: a letter for the kind, then the text. c card, e e-mail,
-- i phone digits with country code, l those stored without one, n without it in any case, r the same backwards
-- (for the last digits).
CREATE TABLE base_customer_key (
    key      TEXT NOT NULL,
    customer INTEGER NOT NULL,
    PRIMARY KEY (key, customer)
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE customer_text USING fts5 (
    words, content = '', columnsize = 0, detail = none, tokenize = 'ascii', prefix = '1 2 3 4'
);

CREATE TABLE base_order (
    id          BLOB NOT NULL UNIQUE,
    customer    BLOB NOT NULL,
    at_ms       INTEGER NOT NULL,
    channel     TEXT NOT NULL,
    place       TEXT NOT NULL,
    number      TEXT NOT NULL,
    currency    TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    lines       TEXT NOT NULL,                  -- JSON: [[article, name, quantity, unit, total_minor], ...]
    generation  INTEGER NOT NULL,
    digest      BLOB
) STRICT;
-- A profile is opened newest first.
CREATE INDEX base_order_by_customer ON base_order (customer, at_ms);

-- Larger pending lists make fewer, longer segments while a catalogue is loaded (bytes; default 1 MiB).
INSERT INTO article_text (article_text, rank) VALUES ('hashsize', 4194304);
INSERT INTO article_text (article_text, rank) VALUES ('automerge', 8);
INSERT INTO article_ending_text (article_ending_text, rank) VALUES ('automerge', 8);
