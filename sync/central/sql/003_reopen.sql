-- Schema version 3: a dismissal can be taken back, and those who look for it find it.

-- The same as before with one more kind of act.
CREATE TABLE act_3 (
    id INTEGER PRIMARY KEY,
    inbox INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('amended', 'dismissed', 'mended', 'reopened')),
    by_whom TEXT NOT NULL,
    why TEXT NOT NULL,
    bytes TEXT                      -- of an amendment: what counts in place of the event's own
) STRICT;
INSERT INTO act_3 SELECT id, inbox, at_ms, kind, by_whom, why, bytes FROM act;
DROP TABLE act;
ALTER TABLE act_3 RENAME TO act;
CREATE INDEX act_inbox ON act (inbox);

-- Few at any time: what was decided not to count, for the list of it.
CREATE INDEX inbox_dismissed ON inbox (id) WHERE state = 'dismissed';
