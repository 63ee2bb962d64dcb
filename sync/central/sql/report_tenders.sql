-- What was taken, by means of payment and currency: amounts given, and the change handed back. What terminals took for
-- orders that were there before them is kept apart, as those orders are.
SELECT x.kind, x.currency, count(*), sum(x.given_minor), sum(x.change_minor),
       o.event IS NOT NULL AS told
FROM tender x
JOIN orders o ON o.no = x.order_no
GROUP BY x.kind, x.currency, told
ORDER BY told DESC, x.kind, x.currency
