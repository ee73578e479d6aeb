-- What analysts ask of the marts. Each must be accepted, and give the same rows on PostgreSQL and on
-- DuckDB. `$name` is bound by the test.

-- name: everything_of_a_day
SELECT * FROM gold.web_kpis WHERE metric_date = DATE '2026-02-01'

-- name: a_kpi_over_time
SELECT metric_date, value FROM gold.web_kpis WHERE kpi = 'mobile' AND value > 1 ORDER BY metric_date, value

-- name: days_since_a_parameter
SELECT metric_date, count(*) AS n FROM gold.web_kpis WHERE metric_date >= $since GROUP BY metric_date

-- name: sums_by_channel
SELECT channel, sum(n_sessions) AS n_sessions, sum(revenue) AS revenue FROM gold.traffic_sources GROUP BY channel

-- name: rates_of_sums
SELECT page_id, sum(n_bounces) / sum(n_views) AS bounce_rate FROM gold.page_metrics GROUP BY page_id

-- name: a_rate_where_nothing_was_counted
SELECT n_bounces / (n_views - n_views) AS nothing FROM gold.page_metrics

-- name: months
SELECT date_trunc('month', metric_date) AS month, sum(net) AS net FROM gold.revenue GROUP BY month

-- name: weeks_in_order
SELECT date_trunc('week', metric_date) AS week, sum(n_orders) AS n FROM gold.revenue GROUP BY 1 ORDER BY week

-- name: text_of_a_month
SELECT strftime(metric_date, '%Y-%m') AS month, count(*) AS n FROM gold.revenue GROUP BY month

-- name: parts_of_a_date
SELECT extract(year FROM ordered_on) AS y, month(ordered_on) AS m, day(ordered_on) AS d, extract(dow FROM ordered_on) AS weekday, extract(week FROM ordered_on) AS w FROM gold.orders

-- name: hours_of_a_moment
SELECT date_trunc('hour', ordered_at) AS hour, count(*) AS n FROM gold.orders GROUP BY hour

-- name: hour_as_a_number
SELECT extract(hour FROM ordered_at) AS hour, count(*) AS n FROM gold.orders GROUP BY hour HAVING n > 1

-- name: text_of_a_moment
SELECT order_id, strftime(ordered_at, '%Y-%m-%d %H:%M:%S') AS at FROM gold.orders

-- name: days_between
SELECT visitor_id, last_order_date - first_order_date AS days FROM gold.web_customers

-- name: days_between_in_words
SELECT visitor_id, date_diff('day', first_order_date, last_order_date) AS days FROM gold.web_customers

-- name: last_week
SELECT count(*) AS n FROM gold.web_kpis WHERE metric_date > DATE '2026-02-10' - INTERVAL 7 DAY

-- name: a_day_later
SELECT metric_date + 1 AS next_day, metric_date + INTERVAL '1 month' AS next_month FROM gold.revenue

-- name: between_two_dates
SELECT sum(n_orders) AS n FROM gold.revenue WHERE metric_date BETWEEN '2026-02-01' AND '2026-02-14'

-- name: two_parameters
SELECT count(*) AS n FROM gold.orders WHERE amount > $amount AND ordered_on >= CAST($since AS DATE)

-- name: a_parameter_in_two_places
SELECT weight_kg + $more AS w, count(*) AS n FROM gold.orders GROUP BY weight_kg + $more

-- name: averages
SELECT avg(n_views) AS a, avg(avg_engaged_s) AS b, avg(bounce_rate) AS c FROM gold.page_metrics

-- name: averages_of_money
SELECT category, avg(net) AS net FROM gold.revenue GROUP BY category

-- name: rounded
SELECT order_id, round(weight_kg, 2) AS kg, round(weight_kg) AS whole, round(amount, 1) AS amount FROM gold.orders

-- name: percentages
SELECT channel, round(100.0 * sum(n_bounces) / sum(n_sessions), 1) AS bounce_pct FROM gold.traffic_sources GROUP BY channel

-- name: quantiles
SELECT vital, quantile_cont(p75, 0.5) AS median, quantile_cont(p75, 0.9) AS p90 FROM gold.page_performance GROUP BY vital

-- name: quantiles_within_groups
SELECT vital, percentile_cont(0.25) WITHIN GROUP (ORDER BY p50) AS q FROM gold.page_performance GROUP BY vital

-- name: medians_of_whole_numbers
SELECT median(n) AS n, median(p99) AS p99 FROM gold.page_performance

-- name: discrete_quantiles
SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY n_views) AS n FROM gold.page_metrics

-- name: spread
SELECT stddev(n_views) AS s, variance(n_views) AS v, corr(n_views, n_clicks) AS c FROM gold.page_metrics

-- name: cases
SELECT CASE WHEN n_views > 5000 THEN 'many' WHEN n_views > 100 THEN 'some' ELSE 'few' END AS size, count(*) AS n FROM gold.page_metrics GROUP BY size

-- name: simple_case
SELECT CASE is_complete WHEN true THEN 1 ELSE 0 END AS done, count(*) AS n FROM gold.page_metrics GROUP BY 1

-- name: conditional_sums
SELECT channel, sum(CASE WHEN is_complete THEN n_sessions ELSE 0 END) AS n FROM gold.traffic_sources GROUP BY channel

-- name: filtered_sums
SELECT channel, sum(n_sessions) FILTER (WHERE is_complete) AS n, count(*) FILTER (WHERE n_bounces > 10) AS m FROM gold.traffic_sources GROUP BY channel

-- name: distinct_counts
SELECT count(DISTINCT page_id) AS pages, count(DISTINCT metric_date) AS days FROM gold.page_metrics

-- name: distinct_rows
SELECT DISTINCT channel, medium FROM gold.traffic_sources

-- name: a_join
SELECT m.page_id, m.n_views, p.p75 FROM gold.page_metrics AS m JOIN gold.page_performance AS p ON p.page_id = m.page_id AND p.metric_date = m.metric_date

-- name: a_left_join
SELECT m.page_id, p.vital FROM gold.page_metrics m LEFT JOIN gold.page_performance p ON p.page_id = m.page_id AND p.n = m.n_views

-- name: a_join_by_names
SELECT metric_date, page_id, n_views, n FROM gold.page_metrics JOIN gold.page_performance USING (metric_date, page_id)

-- name: a_full_join_of_sums
WITH a AS (SELECT metric_date, sum(n_orders) AS n FROM gold.revenue GROUP BY metric_date), b AS (SELECT metric_date, sum(n_sessions) AS s FROM gold.traffic_sources GROUP BY metric_date) SELECT coalesce(a.metric_date, b.metric_date) AS day, a.n, b.s FROM a FULL JOIN b ON a.metric_date = b.metric_date

-- name: a_self_join
SELECT a.cohort_week, a.week_number, b.retention_rate - a.retention_rate AS change FROM gold.cohort_retention a JOIN gold.cohort_retention b ON b.cohort_week = a.cohort_week AND b.week_number = a.week_number + 1

-- name: a_share_of_the_total
WITH total AS (SELECT sum(n_sessions) AS n FROM gold.traffic_sources) SELECT channel, sum(n_sessions) / max(total.n) AS share FROM gold.traffic_sources CROSS JOIN total GROUP BY channel

-- name: ctes_of_ctes
WITH daily AS (SELECT metric_date, sum(net) AS net FROM gold.revenue GROUP BY metric_date), weekly AS (SELECT date_trunc('week', metric_date) AS week, avg(net) AS net FROM daily GROUP BY 1) SELECT week, net FROM weekly WHERE net > 0

-- name: a_cte_with_names
WITH days (day, n) AS (SELECT metric_date, count(*) FROM gold.revenue GROUP BY 1) SELECT day FROM days WHERE n > 5

-- name: a_running_sum
SELECT metric_date, net, sum(net) OVER (ORDER BY metric_date, net, gross, n_units, n_orders, n_refunds) AS so_far FROM gold.revenue

-- name: a_moving_average
WITH daily AS (SELECT metric_date, sum(n_sessions) AS n FROM gold.traffic_sources WHERE metric_date IS NOT NULL GROUP BY metric_date) SELECT metric_date, avg(n) OVER (ORDER BY metric_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS n_7d FROM daily

-- name: change_from_day_to_day
WITH daily AS (SELECT metric_date, sum(n_sessions) AS n FROM gold.traffic_sources GROUP BY metric_date) SELECT metric_date, n - lag(n) OVER (ORDER BY metric_date) AS change, lead(n, 2) OVER (ORDER BY metric_date) AS later FROM daily

-- name: ranks
SELECT channel, n, rank() OVER (ORDER BY n DESC) AS r, dense_rank() OVER (ORDER BY n) AS d FROM (SELECT channel, sum(n_sessions) AS n FROM gold.traffic_sources GROUP BY channel) AS sums

-- name: the_best_of_each
SELECT page_id, metric_date, n_views FROM (SELECT page_id, metric_date, n_views, row_number() OVER (PARTITION BY page_id ORDER BY n_views DESC, metric_date, n_visitors) AS place FROM gold.page_metrics) AS ranked WHERE place <= 3

-- name: named_windows
SELECT visitor_id, ntile(4) OVER w AS quarter, percent_rank() OVER w AS place, cume_dist() OVER w AS share FROM gold.web_customers WINDOW w AS (ORDER BY visitor_id)

-- name: first_and_last
SELECT visitor_id, first_value(visitor_id) OVER (PARTITION BY is_bot ORDER BY visitor_id) AS a, last_value(visitor_id) OVER (PARTITION BY is_bot ORDER BY visitor_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS b FROM gold.web_customers

-- name: unions
SELECT 'pages' AS what, count(*) AS n FROM gold.page_metrics UNION ALL SELECT 'sources', count(*) FROM gold.traffic_sources ORDER BY what

-- name: what_is_in_one_only
SELECT n_orders FROM gold.revenue EXCEPT SELECT n_views FROM gold.page_metrics

-- name: what_is_in_both
SELECT metric_date FROM gold.revenue INTERSECT SELECT metric_date FROM gold.page_metrics

-- name: a_subquery_as_a_value
SELECT visitor_id FROM gold.web_customers WHERE revenue > (SELECT avg(revenue) FROM gold.web_customers)

-- name: a_correlated_subquery
SELECT o.order_id, (SELECT count(*) FROM gold.revenue r WHERE r.metric_date = o.ordered_on) AS n FROM gold.orders o

-- name: in_a_subquery
SELECT order_id FROM gold.orders WHERE ordered_on IN (SELECT metric_date FROM gold.revenue WHERE n_orders > 9000)

-- name: not_exists
SELECT o.order_id FROM gold.orders o WHERE NOT EXISTS (SELECT 1 FROM gold.revenue r WHERE r.metric_date = o.ordered_on AND r.n_orders > 5000)

-- name: lists_and_nulls
SELECT count(*) AS n FROM gold.traffic_sources WHERE channel IN ('mobile', 'DE') AND campaign IS NOT NULL AND medium IS DISTINCT FROM 'all' AND NOT is_complete

-- name: texts
SELECT DISTINCT lower(note) AS a, upper(note) AS b, length(note) AS n, trim(note) AS t, substring(note, 1, 2) AS s, left(note, 1) AS l, right(note, 1) AS r, strpos(note, 'o') AS p, starts_with(note, 'mo') AS m, split_part(note, '_', 1) AS f FROM gold.orders

-- name: joined_texts
SELECT DISTINCT note || '/' || tenant_id AS a, concat(note, '-', tenant_id) AS b FROM gold.orders

-- name: patterns
SELECT note, count(*) AS n FROM gold.orders WHERE note LIKE '%_off' OR note ILIKE 'DESK%' OR note LIKE 'back\s%' OR note LIKE '%it''s%' GROUP BY note

-- name: numbers
SELECT order_id, abs(weight_kg) AS a, floor(weight_kg) AS f, ceil(weight_kg) AS c, sqrt(abs(weight_kg)) AS s, exp(weight_kg / 1000) AS e, ln(abs(weight_kg) + 1) AS l, power(weight_kg, 2) AS p, order_id % 7 AS m, -order_id AS n FROM gold.orders

-- name: greatest_and_least
SELECT order_id, greatest(weight_kg, 1.5) AS g, least(order_id, 10) AS l, nullif(note, 'all') AS n, coalesce(note, 'none') AS c FROM gold.orders

-- name: casts
SELECT CAST(order_id AS text) AS t, CAST(amount AS double) AS d, order_id::decimal(10,2) AS x, CAST(ordered_on AS timestamp) AS at, CAST(weight_kg AS bigint) AS b, CAST(amount AS int) AS i FROM gold.orders

-- name: both_and_either
SELECT tenant_id, bool_and(amount > 0) AS every, bool_or(amount > 9000) AS some FROM gold.orders GROUP BY tenant_id

-- name: subtotals
SELECT channel, is_complete, sum(n_sessions) AS n FROM gold.traffic_sources GROUP BY ROLLUP (channel, is_complete)

-- name: several_groupings
SELECT channel, medium, sum(n_sessions) AS n FROM gold.traffic_sources GROUP BY GROUPING SETS ((channel), (medium), ())

-- name: a_page_of_rows
SELECT order_id, note FROM gold.orders ORDER BY order_id DESC LIMIT 5 OFFSET 10

-- name: nulls_at_the_end
SELECT note, amount FROM gold.orders ORDER BY amount DESC, note, order_id LIMIT 59

-- name: nulls_first
SELECT amount FROM gold.orders ORDER BY amount NULLS FIRST LIMIT 7

-- name: conversion_by_step
SELECT funnel_id, step, sum(reached) AS reached, sum(reached) / sum(entered) AS rate FROM gold.funnel_conversion WHERE view = 'all' AND dimension_name IS NULL GROUP BY funnel_id, step ORDER BY funnel_id, step

-- name: stickiness
SELECT activity_date, dau, dau / avg(dau) OVER () AS relative FROM gold.daily_active_users WHERE dimension_name IS NULL

-- name: having_a_share
SELECT page_id, sum(n_clicks) AS n FROM gold.page_metrics GROUP BY page_id HAVING sum(n_clicks) > 100 AND avg(n_views) > 10

-- name: comments_are_fine
SELECT count(*) AS n -- of all views
FROM gold.page_metrics /* and of all days */

-- name: names_in_quotes
SELECT "page_id" AS "Seite", sum("n_views") AS "Aufrufe (Summe)" FROM "gold"."page_metrics" GROUP BY "Seite"

-- name: no_relation
SELECT 1 AS one, 'text' AS two, 1.5 AS three, NULL AS four, DATE '2026-01-31' AS five

-- name: values_in_money
SELECT category, sum(gross) - sum(refunded) AS net, sum(gross * 2) AS twice FROM gold.revenue GROUP BY category
