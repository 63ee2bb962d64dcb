-- Orders that terminals told are kept apart from those that were there before them.
SELECT channel, event IS NOT NULL AS told, currency, count(*), sum(total_minor)
FROM orders
GROUP BY channel, told, currency
ORDER BY told DESC, channel, currency
