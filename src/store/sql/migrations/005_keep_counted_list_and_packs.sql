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

-- From this version on the numbers of an article say for how many pieces they stand. What an older one took in does not:
-- articles are loaded anew, and stay as they are until then.
UPDATE feed SET cursor = NULL, plan = NULL, chunks_applied = 0, rows_applied = 0,
    is_sweep_due = max(is_sweep_due, rows > 0) WHERE name = 'catalogue';
