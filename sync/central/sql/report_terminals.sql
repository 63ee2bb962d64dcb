-- One row a terminal and currency; a terminal without orders has one row without a currency.
SELECT s.code, t.name, t.id, t.epoch,
       (SELECT count(*) FROM inbox i WHERE i.terminal = t.id),
       o.currency, count(o.no), coalesce(sum(o.total_minor), 0),
       count(o.paid_ms),
       coalesce(sum(CASE WHEN o.paid_ms IS NOT NULL THEN o.total_minor END), 0),
       coalesce(sum((SELECT sum(given_minor - change_minor) FROM tender x
                     WHERE x.order_no = o.no)), 0),
       coalesce(sum(o.rounding_minor), 0),
       coalesce(sum(o.flags <> ''), 0)
FROM terminal t
JOIN store s ON s.no = t.store
LEFT JOIN orders o ON o.terminal = t.id AND o.event IS NOT NULL
GROUP BY t.id, o.currency
ORDER BY s.code, t.name, o.currency
