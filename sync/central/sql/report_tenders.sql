-- What was taken, by means of payment and currency: amounts given, and the change handed back.
SELECT kind, currency, count(*), sum(given_minor), sum(change_minor)
FROM tender
GROUP BY kind, currency
ORDER BY kind, currency
