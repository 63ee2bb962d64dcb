-- Terminals as people look at them, with how far each is held and how many of its events are held back.
SELECT t.id, s.code, t.name, t.epoch, t.public_key, t.software, t.revoked_ms IS NOT NULL,
       coalesce(w.acked_seq, 0),
       (SELECT count(*) FROM inbox i
        WHERE i.terminal = t.id AND i.state IN ('quarantined', 'parked')),
       t.enrolled_ms, t.seen_ms
FROM terminal t
JOIN store s ON s.no = t.store
LEFT JOIN watermark w ON w.terminal = t.id AND w.epoch = t.epoch
ORDER BY s.code, t.name
