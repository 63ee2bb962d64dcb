SELECT kind, currency, count(*), sum(given_minor), sum(change_minor)
FROM tender
GROUP BY kind, currency
ORDER BY kind, currency
