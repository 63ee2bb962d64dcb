-- Terminals as people look at them, with how far each is held and how many of its events are held back.
SELECT t.id, s.code, t.name, t.epoch, l.public_key, l.software, l.revoked_ms IS NOT NULL,
       coalesce(w.acked_seq, 0),
       (SELECT count(*) FROM inbox i
        WHERE i.terminal = t.id AND i.state IN ('quarantined', 'parked')),
       l.enrolled_ms, t.seen_ms, l.begun, l.skew_ms, l.renewal
FROM terminal t
JOIN store s ON s.no = t.store
JOIN life l ON l.terminal = t.id AND l.epoch = t.epoch
LEFT JOIN watermark w ON w.terminal = t.id AND w.epoch = t.epoch
ORDER BY s.code, t.name
