-- Lives: a renewal is a life too, former ones stay with what they have not sent, and stock knows how much of each
-- it includes. Until now an enrolment waited for the events of the one before, so all lives are registered.
ALTER TABLE life RENAME TO life_2;
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
INSERT INTO life (number, terminal, epoch, name, store, store_name, central, device_key, standing, base_position,
                  last_seq, last_hash, last_at_ms, receipt_counter, acked_seq, acked_hash, acked_at_ms,
                  included_seq, promised_seq)
SELECT number, terminal, epoch, name, store, store_name, central, device_key, 'registered', base_position,
       last_seq, last_hash, last_at_ms, receipt_counter, acked_seq,
       CASE acked_seq WHEN 0 THEN zeroblob(32) WHEN last_seq THEN last_hash ELSE coalesce(
           (SELECT prev FROM journal WHERE position = base_position + acked_seq + 1),
           (SELECT hash FROM journal WHERE position = base_position + acked_seq), zeroblob(32)) END,
       acked_at_ms,
       max(0, min(last_seq, (SELECT included_position FROM feed WHERE name = 'stock') - base_position)),
       acked_seq
FROM life_2;
DROP TABLE life_2;

CREATE TABLE hole (
    life      INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (life, first_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE stray (
    hash      BLOB PRIMARY KEY,
    life      INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    bytes     TEXT NOT NULL,
    is_booked INTEGER NOT NULL DEFAULT 0        -- central holds it
) STRICT, WITHOUT ROWID;

-- What is included is told by life now.
ALTER TABLE feed DROP COLUMN included_position;

-- Digests. Adding a column that may be NULL writes no row, so a million articles do not delay the first sale.
CREATE TABLE base_digest (
    name     TEXT PRIMARY KEY,                  -- of the table, as central calls it
    rows     INTEGER NOT NULL DEFAULT 0,
    sum      BLOB NOT NULL,                     -- 16 bytes, big-endian
    is_whole INTEGER NOT NULL DEFAULT 1         -- every row is in the sum
) STRICT, WITHOUT ROWID;
INSERT INTO base_digest (name, sum, is_whole) VALUES
    ('store', zeroblob(16), 0), ('staff', zeroblob(16), 0), ('article', zeroblob(16), 0), ('stock', zeroblob(16), 0),
    ('customer', zeroblob(16), 0), ('order', zeroblob(16), 0);
UPDATE base_digest SET is_whole = NOT EXISTS (SELECT 1 FROM base_store) WHERE name = 'store';
UPDATE base_digest SET is_whole = NOT EXISTS (SELECT 1 FROM base_staff) WHERE name = 'staff';
UPDATE base_digest SET is_whole = NOT EXISTS (SELECT 1 FROM base_article) WHERE name = 'article';
UPDATE base_digest SET is_whole = NOT EXISTS (SELECT 1 FROM base_stock) WHERE name = 'stock';
UPDATE base_digest SET is_whole = NOT EXISTS (SELECT 1 FROM base_customer) WHERE name = 'customer';
UPDATE base_digest SET is_whole = NOT EXISTS (SELECT 1 FROM base_order) WHERE name = 'order';
ALTER TABLE base_store ADD COLUMN digest BLOB;
ALTER TABLE base_staff ADD COLUMN digest BLOB;
ALTER TABLE base_article ADD COLUMN digest BLOB;
ALTER TABLE base_stock ADD COLUMN digest BLOB;
ALTER TABLE base_customer ADD COLUMN digest BLOB;
ALTER TABLE base_order ADD COLUMN digest BLOB;
