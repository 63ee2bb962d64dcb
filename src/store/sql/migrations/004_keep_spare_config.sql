-- The rows of the config feed once more, on pages of their own: a damaged page must not leave a shop in which nobody
-- can sign in. Kept by triggers; read when a damaged database is recovered.
CREATE TABLE spare_config (
    name TEXT NOT NULL,                         -- of the table, as central calls it
    id   BLOB NOT NULL,
    row  TEXT NOT NULL,
    PRIMARY KEY (name, id)
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
INSERT INTO spare_config SELECT 'store', id, row FROM base_store;
INSERT INTO spare_config SELECT 'staff', id, row FROM base_staff;
