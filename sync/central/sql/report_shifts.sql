-- One row a shift: what central counted beside what the terminal declared when it closed. A shift of a terminal that
-- is not known here has no store and no name.
SELECT h.id, s.code, t.name, h.staff, h.opened_ms, h.closed_ms,
       (SELECT count(*) FROM orders o WHERE o.shift = h.id),
       (SELECT coalesce(sum(o.total_minor), 0) FROM orders o WHERE o.shift = h.id),
       (SELECT coalesce(sum(x.given_minor - x.change_minor), 0)
        FROM tender x JOIN orders o ON o.no = x.order_no
        WHERE o.shift = h.id AND x.kind = 'cash'),
       h.declared_orders, h.declared_cash_minor, h.declared_currency, s.no, h.terminal
FROM shift h
LEFT JOIN terminal t ON t.id = h.terminal
LEFT JOIN store s ON s.no = t.store
ORDER BY h.opened_ms, h.id
