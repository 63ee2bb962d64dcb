-- Central's tables, schema version 1. Never edited once released: later changes are files of their own.
-- Identities are BLOBs of 16 bytes (UUID), times are milliseconds since 1970 UTC, amounts are minor units.

-- Single values: feed epoch, price list version, progress of a seed that was interrupted.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Shops. `no` is the scope under which a store's own feed rows are kept; scope 0 is everybody's.
CREATE TABLE store (
    no INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;

-- What terminals may read: the current row of each key. This is also central's own record of articles,
-- customers, staff and stock: there is one truth, and it is the published one.
-- AUTOINCREMENT: a position is never given twice, even when the newest row was just replaced.
CREATE TABLE feed_row (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    feed INTEGER NOT NULL,          -- place of the feed in the protocol's list, from 1
    scope INTEGER NOT NULL,         -- store.no, or 0
    tbl TEXT NOT NULL,
    key BLOB NOT NULL,
    rank INTEGER NOT NULL,          -- order within a snapshot, most wanted first
    row TEXT,                       -- JSON as sent; NULL is a tombstone
    UNIQUE (feed, scope, key)
) STRICT;
-- Pages by position: the rowid (pos) is the last column of every index.
CREATE INDEX feed_row_page ON feed_row (feed, scope);
-- Snapshots by rank.
CREATE INDEX feed_row_rank ON feed_row (feed, scope, rank);

-- GTIN to article; the number is the fourteen digits read as an integer.
CREATE TABLE gtin (
    number INTEGER PRIMARY KEY,
    article BLOB NOT NULL
) STRICT;

-- Identities that other systems gave, so that an import updates instead of doubling.
CREATE TABLE external_ref (
    kind TEXT NOT NULL,             -- customer
    ref TEXT NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;

-- One-time codes; only hashes are kept.
CREATE TABLE enrol_code (
    hash BLOB PRIMARY KEY,
    store INTEGER NOT NULL REFERENCES store (no),
    terminal_name TEXT,             -- NULL: the next free name
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER,
    public_key BLOB,                -- who used it: the same device may ask again when the answer was lost
    terminal BLOB
) STRICT, WITHOUT ROWID;

-- Enrolled places. The epoch counts enrolments of the same place, from 0.
CREATE TABLE terminal (
    id BLOB PRIMARY KEY,
    store INTEGER NOT NULL REFERENCES store (no),
    name TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    software TEXT NOT NULL,
    enrolled_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    seen_ms INTEGER NOT NULL,
    UNIQUE (store, name)
) STRICT, WITHOUT ROWID;

-- How far each life of a terminal is held: gapless from 1 to acked_seq (invariant 3).
CREATE TABLE watermark (
    terminal BLOB NOT NULL REFERENCES terminal (id),
    epoch INTEGER NOT NULL,
    acked_seq INTEGER NOT NULL,
    acked_hash BLOB NOT NULL,
    PRIMARY KEY (terminal, epoch)
) STRICT, WITHOUT ROWID;

-- Every event ever received, bytes as they came, for ever (invariant 2).
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY,
    terminal BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,         -- the device's clock
    received_ms INTEGER NOT NULL,
    aggregate BLOB,                 -- the thing it is about, if that can be told
    state TEXT NOT NULL CHECK (state IN ('applied', 'quarantined', 'parked', 'dismissed')),
    code TEXT,                      -- why it is not applied
    bytes TEXT NOT NULL,
    UNIQUE (terminal, epoch, seq)
) STRICT;
-- Few at any time: what is held back, by the thing it is about.
CREATE INDEX inbox_held ON inbox (aggregate) WHERE state IN ('quarantined', 'parked');
-- The same for a terminal that asks what became of its events.
CREATE INDEX inbox_held_of ON inbox (terminal, epoch, seq) WHERE state IN ('quarantined', 'parked');

-- Shifts as terminals told them.
CREATE TABLE shift (
    id BLOB PRIMARY KEY,
    terminal BLOB NOT NULL,
    staff BLOB NOT NULL,
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    declared_orders INTEGER,
    declared_cash_minor INTEGER,
    declared_currency TEXT
) STRICT, WITHOUT ROWID;

-- Orders of all channels.
CREATE TABLE orders (
    no INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    event INTEGER UNIQUE,           -- inbox.id; NULL for orders that came from elsewhere
    terminal BLOB,
    number TEXT NOT NULL,
    channel TEXT NOT NULL,
    store INTEGER,                  -- store.no; NULL for web and phone
    shift BLOB,
    staff BLOB,
    customer BLOB,
    placed_ms INTEGER NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    taxes TEXT NOT NULL,            -- JSON in the form of the wire
    delivery TEXT,                  -- JSON in the form of the wire
    flags TEXT NOT NULL,            -- codes joined by commas: what a person should look at
    paid_ms INTEGER,
    rounding_minor INTEGER
) STRICT;
-- Totals by shift, and the orders that were told by a terminal.
CREATE INDEX orders_shift ON orders (shift) WHERE shift IS NOT NULL;

CREATE TABLE order_line (
    order_no INTEGER NOT NULL REFERENCES orders (no),
    line_no INTEGER NOT NULL,
    article BLOB,
    gtin INTEGER,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit TEXT NOT NULL,
    unit_price_minor INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    tax_group TEXT NOT NULL,
    price_version INTEGER NOT NULL,
    fulfilment TEXT NOT NULL,
    PRIMARY KEY (order_no, line_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE tender (
    id BLOB PRIMARY KEY,
    order_no INTEGER NOT NULL REFERENCES orders (no),
    kind TEXT NOT NULL,
    currency TEXT NOT NULL,
    given_minor INTEGER NOT NULL,
    change_minor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tender_order ON tender (order_no);

-- Snapshots that were built; their chunks are files named by their hash.
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    pos INTEGER NOT NULL,           -- everything up to it is inside
    rows INTEGER NOT NULL,
    built_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX snapshot_feed ON snapshot (feed, scope, pos);

CREATE TABLE snapshot_chunk (
    snapshot INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE,
    no INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (snapshot, no)
) STRICT, WITHOUT ROWID;
