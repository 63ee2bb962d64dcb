-- A receipt that is scanned is found by its number. Not unique: what a device was before may have given it too.
CREATE INDEX own_order_by_number ON own_order (number);

-- Baskets that could not be read back, as they were, for support; the program never reads them.
CREATE TABLE unreadable_basket (
    number       INTEGER PRIMARY KEY,
    basket       BLOB NOT NULL,
    parked_at_ms INTEGER,                       -- NULL: it was in work
    body         TEXT NOT NULL
) STRICT;
