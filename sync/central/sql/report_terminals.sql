-- One row a terminal and currency; a terminal without orders has one row without a currency. Every order that a
-- terminal told is in exactly one row, also of a terminal that is not known here: a stray of a life that was lost with
-- the database before, and that a person let count. Such a row has no store and no name.
WITH told AS (
    SELECT coalesce(o.terminal, zeroblob(16)) AS terminal, o.currency,
           count(*) AS orders, sum(o.total_minor) AS total_minor,
           count(o.paid_ms) AS paid_orders,
           coalesce(sum(CASE WHEN o.paid_ms IS NOT NULL THEN o.total_minor END), 0) AS paid_minor,
           coalesce(sum((SELECT sum(given_minor - change_minor) FROM tender x
                         WHERE x.order_no = o.no)), 0) AS tendered_minor,
           coalesce(sum(o.rounding_minor), 0) AS rounding_minor,
           sum(o.flags <> '') AS flagged,
           min(o.number) AS receipt
    FROM orders o
    WHERE o.event IS NOT NULL
    GROUP BY 1, 2
)
SELECT s.code, t.name, every.id, t.epoch,
       (SELECT count(*) FROM inbox i WHERE i.terminal = every.id),
       told.currency, coalesce(told.orders, 0), coalesce(told.total_minor, 0),
       coalesce(told.paid_orders, 0), coalesce(told.paid_minor, 0),
       coalesce(told.tendered_minor, 0), coalesce(told.rounding_minor, 0),
       coalesce(told.flagged, 0),
       CASE WHEN t.id IS NULL THEN told.receipt END
FROM (SELECT id FROM terminal UNION SELECT terminal FROM told) every
LEFT JOIN terminal t ON t.id = every.id
LEFT JOIN store s ON s.no = t.store
LEFT JOIN told ON told.terminal = every.id
ORDER BY t.id IS NULL, s.code, t.name, every.id, told.currency
