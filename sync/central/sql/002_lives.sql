-- Schema version 2: the lives of terminals, strays, amendments, business time, digests, tombstones with an age.

-- Every life of a terminal, with the key that signs for it, for ever: whoever proves a key may push what that life
-- has written, however late.
CREATE TABLE life (
    terminal BLOB NOT NULL REFERENCES terminal (id),
    epoch INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    begun TEXT NOT NULL,            -- enrolled; or why the terminal began it by itself
    begun_ms INTEGER NOT NULL,      -- when central learned of it
    enrolled_ms INTEGER NOT NULL,   -- when the device was enrolled: no event of it is older by much
    software TEXT NOT NULL,
    revoked_ms INTEGER,
    skew_ms INTEGER,                -- how far off its newest event's time was, if it could not be believed
    renewal TEXT,                   -- body of its terminal.renewed: what of the life before is missing
    PRIMARY KEY (terminal, epoch)
) STRICT, WITHOUT ROWID;
INSERT INTO life (terminal, epoch, public_key, begun, begun_ms, enrolled_ms, software, revoked_ms)
SELECT id, epoch, public_key, 'enrolled', enrolled_ms, enrolled_ms, software, revoked_ms FROM terminal;
ALTER TABLE terminal DROP COLUMN public_key;
ALTER TABLE terminal DROP COLUMN revoked_ms;
ALTER TABLE terminal DROP COLUMN enrolled_ms;
ALTER TABLE terminal DROP COLUMN software;

-- The inbox anew: strays have no number that could be trusted, damaged events no bytes.
CREATE TABLE inbox_2 (
    id INTEGER PRIMARY KEY,
    terminal BLOB NOT NULL,         -- in whose journal it was written
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,           -- 0 when a stray does not say
    is_stray INTEGER NOT NULL CHECK (is_stray IN (0, 1)),
    sent_by BLOB,                   -- who handed in a stray
    hash BLOB NOT NULL,             -- of a damaged event: as declared
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,         -- the device's clock
    business_ms INTEGER NOT NULL,   -- when it counts as having happened
    is_clamped INTEGER NOT NULL CHECK (is_clamped IN (0, 1)),
    received_ms INTEGER NOT NULL,
    aggregate BLOB,                 -- the thing it is about, if that can be told
    state TEXT NOT NULL CHECK (state IN ('applied', 'quarantined', 'parked', 'dismissed')),
    code TEXT,                      -- why it is not applied
    bytes TEXT,                     -- as they came; NULL: the terminal itself has only a damaged row
    raw BLOB                        -- what that row holds in their place
) STRICT;
INSERT INTO inbox_2 SELECT id, terminal, epoch, seq, 0, NULL, hash, kind, at_ms, at_ms, 0, received_ms, aggregate,
    state, code, bytes, NULL FROM inbox;
DROP TABLE inbox;
ALTER TABLE inbox_2 RENAME TO inbox;
CREATE UNIQUE INDEX inbox_place ON inbox (terminal, epoch, seq) WHERE is_stray = 0;
-- A stray is known by its bytes alone.
CREATE UNIQUE INDEX inbox_stray ON inbox (hash) WHERE is_stray = 1;
-- Few at any time: what is held back, by the thing it is about.
CREATE INDEX inbox_held ON inbox (aggregate) WHERE state IN ('quarantined', 'parked');
-- The same for a terminal that asks what became of its events.
CREATE INDEX inbox_held_of ON inbox (terminal, epoch, seq) WHERE state IN ('quarantined', 'parked');

-- What people did to held events, and true bytes that came after a placeholder.
CREATE TABLE act (
    id INTEGER PRIMARY KEY,
    inbox INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('amended', 'dismissed', 'mended')),
    by_whom TEXT NOT NULL,
    why TEXT NOT NULL,
    bytes TEXT                      -- of an amendment: what counts in place of the event's own
) STRICT;
CREATE INDEX act_inbox ON act (inbox);

-- When an order counts as placed: the order itself keeps what the device said.
ALTER TABLE orders ADD COLUMN business_ms INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET business_ms = placed_ms;

-- When a key was deleted. Tombstones are removed once everybody has passed them.
ALTER TABLE feed_row ADD COLUMN gone_ms INTEGER;
UPDATE feed_row SET gone_ms = 0 WHERE row IS NULL;
CREATE INDEX feed_row_gone ON feed_row (gone_ms) WHERE row IS NULL;

-- What the live rows of a table add up to, kept as they come and go (sync::digest).
CREATE TABLE feed_sum (
    feed INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    tbl TEXT NOT NULL,
    rows INTEGER NOT NULL,
    digest BLOB NOT NULL,           -- 16 bytes, big-endian
    PRIMARY KEY (feed, scope, tbl)
) STRICT, WITHOUT ROWID;

-- Tombstones up to this position are gone: older cursors are refused.
CREATE TABLE feed_floor (
    feed INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    pos INTEGER NOT NULL,
    PRIMARY KEY (feed, scope)
) STRICT, WITHOUT ROWID;

-- How far terminals had read, booked now and then: too low is harmless, too high would not be.
CREATE TABLE feed_passed (
    terminal BLOB NOT NULL,
    feed INTEGER NOT NULL,
    pos INTEGER NOT NULL,
    PRIMARY KEY (terminal, feed)
) STRICT, WITHOUT ROWID;

-- Whose card it is: a card that two customers have would find neither.
CREATE TABLE card (
    number TEXT PRIMARY KEY,
    customer BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO card SELECT c.value, f.key FROM feed_row f, json_each(f.row, '$.cards') c
WHERE f.tbl = 'customer' AND json_valid(f.row) ORDER BY f.pos;

-- Snapshots tell what their rows add up to; the older ones cannot.
DELETE FROM snapshot;
ALTER TABLE snapshot ADD COLUMN checkpoint TEXT NOT NULL DEFAULT '';
