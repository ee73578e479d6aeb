"""The gold tables of the web by SQL, from the definitions, over the silver ones."""

from __future__ import annotations

MARTS = """
CREATE MACRO newest() AS (SELECT max(session_date) FROM sessions);
CREATE MACRO newest_event() AS (SELECT max(event_date) FROM events);
CREATE TABLE views AS
SELECT * FROM (VALUES ('all', true, true), ('human', false, true), ('strict', false, false))
    AS v(view, with_bots, with_internal);
CREATE MACRO counts(is_bot, is_internal, with_bots, with_internal) AS
    (with_bots OR NOT is_bot) AND (with_internal OR NOT is_internal);
CREATE TABLE views_of_pages AS
SELECT p.*, view FROM page_views AS p, views WHERE counts(is_bot, is_internal, with_bots,
                                                          with_internal);
CREATE TABLE views_of_sessions AS
SELECT s.*, view FROM sessions AS s, views WHERE counts(is_bot, is_internal, with_bots,
                                                        with_internal);
CREATE TABLE views_of_events AS
SELECT e.*, view FROM events AS e, views WHERE counts(is_bot, is_internal, with_bots,
                                                      with_internal);

CREATE TABLE page_metrics AS
WITH seen AS (
    SELECT view_date AS metric_date, page_id, view, count(*) AS n_views,
           count(DISTINCT visitor_id) AS n_visitors, count(*) FILTER (is_exit) AS n_exits,
           sum(engaged_s)::bigint AS engaged_s, count(max_depth_pct) AS n_scrolled,
           avg(max_depth_pct) AS avg_max_depth_pct, sum(n_clicks)::bigint AS n_clicks,
           count(*) FILTER (n_clicks > 0) AS n_clicked_views
    FROM views_of_pages GROUP BY ALL
),
entered AS (
    SELECT session_date AS metric_date, entry_page AS page_id, view, count(*) AS n_entries,
           count(*) FILTER (is_bounce) AS n_bounces
    FROM views_of_sessions WHERE entry_page IS NOT NULL GROUP BY ALL
)
SELECT metric_date, page_id, view, coalesce(n_views, 0) AS n_views,
       coalesce(n_visitors, 0) AS n_visitors, coalesce(n_entries, 0) AS n_entries,
       coalesce(n_exits, 0) AS n_exits, coalesce(n_bounces, 0) AS n_bounces,
       n_bounces / n_entries AS bounce_rate, n_exits / n_views AS exit_rate,
       coalesce(engaged_s, 0) AS engaged_s, engaged_s / n_views AS avg_engaged_s,
       coalesce(n_scrolled, 0) AS n_scrolled, avg_max_depth_pct,
       coalesce(n_clicks, 0) AS n_clicks, coalesce(n_clicked_views, 0) AS n_clicked_views,
       n_clicked_views / n_views AS click_through_rate, metric_date < newest() AS is_complete
FROM seen FULL JOIN entered USING (metric_date, page_id, view);

CREATE TABLE page_performance AS
WITH told AS (
    UNPIVOT (SELECT view_date AS metric_date, page_id, device_type, country,
                    load_ms, ttfb_ms, lcp_ms, cls, inp_ms, fid_ms
             FROM page_views WHERE NOT is_bot)
    ON load_ms, ttfb_ms, lcp_ms, cls, inp_ms, fid_ms INTO NAME vital VALUE told
)
SELECT metric_date, vital, page_id, device_type, country, count(*) AS n,
       quantile_cont(told, 0.5) AS p50, quantile_cont(told, 0.75) AS p75,
       quantile_cont(told, 0.9) AS p90, quantile_cont(told, 0.99) AS p99,
       metric_date < (SELECT max(view_date) FROM page_views) AS is_complete
FROM told GROUP BY metric_date, vital, CUBE (page_id, device_type, country);

CREATE TABLE web_5min AS
WITH happened AS (
    SELECT event_at AS moment, coalesce(page_id, 'unknown') AS page_id, view, visitor_id,
           1 AS n_events, 0 AS n_page_views,
           (event_type = 'form_submit' AND form_step = 'failed')::int AS n_failed_forms,
           0 AS n_conversions
    FROM views_of_events WHERE NOT is_late
    UNION ALL SELECT viewed_at, page_id, view, NULL, 0, 1, 0, 0 FROM views_of_pages
    UNION ALL SELECT converted_at, coalesce(e.page_id, 'unknown'), view, NULL, 0, 0, 0, 1
    FROM conversions AS c JOIN views_of_events AS e USING (event_id)
),
placed AS (
    SELECT *, time_bucket(INTERVAL 5 MINUTES, moment) AS window_start, g.page
    FROM happened, LATERAL (VALUES (page_id), (NULL)) AS g(page)
)
SELECT window_start::date AS metric_date, window_start, page AS page_id, view,
       sum(n_events)::bigint AS n_events, sum(n_page_views)::bigint AS n_page_views,
       count(DISTINCT visitor_id) AS n_visitors, sum(n_failed_forms)::bigint AS n_failed_forms,
       sum(n_conversions)::bigint AS n_conversions, metric_date < newest_event() AS is_complete
FROM placed GROUP BY ALL;

CREATE TABLE traffic_sources AS
SELECT session_date AS metric_date, channel, source, medium, campaign, view, {sums}
FROM views_of_sessions GROUP BY ALL;
CREATE TABLE web_devices AS
SELECT session_date AS metric_date, device_type, browser, os, view, {sums}
FROM views_of_sessions GROUP BY ALL;
CREATE TABLE web_regions AS
SELECT session_date AS metric_date, country, region, city, view, {sums}
FROM views_of_sessions GROUP BY ALL;

CREATE TABLE views_of_orders AS
SELECT o.*, view FROM orders AS o, views WHERE counts(is_bot, is_internal, with_bots,
                                                      with_internal);
CREATE TABLE revenue AS
SELECT order_date AS metric_date, coalesce(category, 'unknown') AS category, currency, view,
       count(*) FILTER (kind = 'purchase') AS n_orders,
       count(*) FILTER (kind = 'refund') AS n_refunds,
       coalesce(sum(amount_reporting) FILTER (kind = 'purchase'), 0) AS gross,
       coalesce(-sum(amount_reporting) FILTER (kind = 'refund'), 0) AS refunded,
       gross - refunded AS net,
       coalesce(sum(quantity) FILTER (kind = 'purchase'), 0)::bigint AS n_units,
       count(*) FILTER (amount_reporting IS NULL) AS n_not_summed,
       coalesce(sum(total_amount) FILTER (kind = 'purchase'), 0) AS gross_own,
       coalesce(sum(total_amount) FILTER (kind = 'refund'), 0) AS refunded_own,
       metric_date < newest() AS is_complete
FROM views_of_orders GROUP BY ALL;

CREATE TABLE firsts AS
SELECT visitor_id, min(order_date) AS first_order_date FROM orders WHERE kind = 'purchase'
GROUP BY ALL;
CREATE TABLE web_customers AS
WITH days AS (
    SELECT visitor_id, order_date,
           CASE WHEN count(amount_reporting) = count(*) THEN sum(amount_reporting) END AS amount
    FROM orders WHERE kind = 'purchase' GROUP BY ALL
),
bought AS (
    SELECT visitor_id, any_value(first_order_date) AS first_order_date,
           max(order_date) AS last_order_date,
           count(*) - 1 AS frequency,
           avg(amount::double) FILTER (order_date > first_order_date) AS monetary
    FROM days JOIN firsts USING (visitor_id) GROUP BY ALL
),
summed AS (
    SELECT visitor_id, count(*) FILTER (kind = 'purchase') AS n_orders,
           count(*) FILTER (kind = 'refund') AS n_refunds,
           coalesce(sum(amount_reporting), 0) AS revenue,
           count(*) FILTER (amount_reporting IS NULL) AS n_not_summed,
           bool_or(is_bot) AS is_bot, bool_or(is_internal) AS is_internal
    FROM orders GROUP BY ALL
)
SELECT *, last_order_date - first_order_date AS recency_days,
       greatest(newest(), last_order_date) - first_order_date AS t_days
FROM bought JOIN summed USING (visitor_id);

CREATE TABLE ltv_cohorts AS
WITH of_views AS (
    SELECT visitor_id, view, date_trunc('month', first_order_date)::date AS cohort_month
    FROM web_customers, views WHERE counts(is_bot, is_internal, with_bots, with_internal)
),
aged AS (
    SELECT cohort_month, view, o.*,
           greatest(date_diff('month', cohort_month, order_date), 0)::int AS age_months
    FROM of_views JOIN orders AS o USING (visitor_id)
),
again AS (
    SELECT cohort_month, view, visitor_id,
           list_sort(list_distinct(list(order_date)))[2] AS second_date
    FROM aged WHERE kind = 'purchase' GROUP BY ALL
),
sizes AS (SELECT cohort_month, view, count(*) AS customers FROM of_views GROUP BY ALL),
months AS (
    SELECT *, unnest(range(date_diff('month', cohort_month, newest()) + 1))::int AS age_months,
           (cohort_month + to_months(age_months))::date AS month FROM sizes
),
summed AS (
    SELECT cohort_month, view, age_months,
           count(DISTINCT visitor_id) FILTER (kind = 'purchase') AS active_customers,
           count(*) FILTER (kind = 'purchase') AS n_orders,
           count(*) FILTER (kind = 'refund') AS n_refunds,
           coalesce(sum(amount_reporting), 0) AS revenue
    FROM aged GROUP BY ALL
),
returned AS (
    SELECT cohort_month, view, age_months, count(*) AS repeat_customers
    FROM months JOIN again USING (cohort_month, view) WHERE second_date <= last_day(month)
    GROUP BY ALL
)
SELECT cohort_month, age_months, view, customers, coalesce(active_customers, 0) AS active_customers,
       coalesce(n_orders, 0) AS n_orders, coalesce(n_refunds, 0) AS n_refunds,
       coalesce(s.revenue, 0) AS revenue,
       sum(coalesce(s.revenue, 0)) OVER (PARTITION BY cohort_month, view ORDER BY age_months)
           AS cumulative_revenue,
       cumulative_revenue / customers AS revenue_per_customer,
       coalesce(r.repeat_customers, 0) AS repeat_customers,
       coalesce(r.repeat_customers, 0) / customers AS repeat_rate,
       last_day(month) < newest() AS is_complete
FROM months LEFT JOIN summed AS s USING (cohort_month, view, age_months)
LEFT JOIN returned AS r USING (cohort_month, view, age_months);

CREATE TABLE identity_quality AS
WITH devices AS (
    SELECT event_date, anonymous_id,
           count(DISTINCT visitor_id) FILTER (user_id IS NOT NULL OR is_stitched) AS n_users
    FROM events WHERE NOT is_late AND anonymous_id IS NOT NULL GROUP BY ALL
),
counted AS (
    SELECT event_date AS metric_date, count(*) AS n_events, count(user_id) AS n_with_user,
           count(*) FILTER (is_stitched) AS n_stitched,
           n_events - n_with_user - n_stitched AS n_anonymous
    FROM events WHERE NOT is_late GROUP BY ALL
)
SELECT *, n_with_user / n_events AS with_user_rate, n_stitched / n_events AS stitched_rate,
       n_anonymous / n_events AS anonymous_rate,
       (SELECT count(*) FROM devices WHERE event_date = metric_date) AS n_devices,
       (SELECT count(*) FROM devices WHERE event_date = metric_date AND n_users > 1)
           AS n_shared_devices,
       metric_date < newest_event() AS is_complete
FROM counted;

CREATE TABLE lateness AS
WITH buckets AS (
    SELECT * FROM (VALUES ('at_once', 1, 0), ('1min', 2, 60), ('5min', 3, 300), ('1h', 4, 3600),
        ('6h', 5, 21600), ('24h', 6, 86400), ('72h', 7, 259200), ('later', 8, NULL),
        ('unknown', 9, NULL)) AS b(bucket, position, up_to_s)
),
delays AS (
    SELECT event_date AS metric_date, epoch_us(received_at) - epoch_us(event_at) AS delay_us,
           CASE WHEN delay_us IS NULL THEN 9
                ELSE coalesce((SELECT min(position) FROM buckets
                               WHERE delay_us <= up_to_s::bigint * 1000000), 8) END AS position
    FROM events
),
days AS (SELECT DISTINCT metric_date FROM delays),
counted AS (
    SELECT metric_date, bucket, b.position, up_to_s, count(d.position) AS n_events
    FROM days CROSS JOIN buckets AS b LEFT JOIN delays AS d USING (metric_date, position)
    GROUP BY ALL
)
SELECT *, CASE WHEN position < 9
               THEN sum(n_events) OVER (PARTITION BY metric_date ORDER BY position) END::bigint
           AS cumulative_events,
       cumulative_events / nullif(sum(n_events) FILTER (position < 9)
                                  OVER (PARTITION BY metric_date), 0) AS cumulative_rate,
       metric_date + 3 < newest_event() AS is_complete
FROM counted;
"""
SUMS = """
       count(*) AS n_sessions, count(DISTINCT visitor_id) AS n_visitors,
       count(DISTINCT visitor_id) FILTER (session_number = 1) AS n_new_visitors,
       sum(n_page_views)::bigint AS n_page_views, count(*) FILTER (is_bounce) AS n_bounces,
       count(*) FILTER (is_engaged) AS n_engaged,
       count(*) FILTER (n_conversions > 0) AS n_converted,
       sum(n_conversions)::bigint AS n_conversions, sum(revenue) AS revenue,
       sum(duration_s)::bigint AS duration_s, sum(duration_s) / count(*) AS avg_duration_s,
       metric_date < newest() AS is_complete"""
FUNNELS = """
CREATE TABLE funnel_conversion AS
WITH grouped AS (
    SELECT s.*, view, g.name AS dimension_name, g.value AS dimension_value
    FROM (SELECT *, (epoch_us(reached_at) - lag(epoch_us(reached_at)) OVER (
                        PARTITION BY visitor_id, funnel_id, entry_number ORDER BY step)) / 1e6
                    AS took_s FROM funnel_steps) AS s, views,
         LATERAL (VALUES (NULL, NULL), ('channel', channel), ('device_type', device_type))
             AS g(name, value)
    WHERE counts(is_bot, is_internal, with_bots, with_internal)
),
entered AS (
    SELECT entry_date AS metric_date, funnel_id, view, dimension_name, dimension_value,
           count(*) AS entered FROM grouped WHERE step = 1 GROUP BY ALL
),
reached AS (
    SELECT entry_date AS metric_date, funnel_id, view, dimension_name, dimension_value, step,
           count(*) AS reached, count(DISTINCT visitor_id) AS n_visitors,
           median(took_s) AS median_s
    FROM grouped GROUP BY ALL
)
SELECT e.metric_date, funnel_id, e.view, e.dimension_name, e.dimension_value, d.step, step_name,
       entered, coalesce(reached, 0) AS reached, coalesce(n_visitors, 0) AS n_visitors,
       coalesce(reached, 0) / entered AS conversion_rate,
       lag(coalesce(reached, 0)) OVER w AS former,
       CASE WHEN d.step = 1 THEN 1.0
            WHEN former > 0 THEN coalesce(reached, 0) / former END AS step_rate,
       coalesce(former - coalesce(reached, 0), 0) AS drop_off, median_s,
       (e.metric_date + 1)::timestamp + to_seconds(2 * window_s) <= newest() AS is_complete
FROM entered AS e JOIN declared AS d USING (funnel_id) JOIN funnels USING (funnel_id)
LEFT JOIN reached AS r
  ON r.metric_date = e.metric_date AND r.funnel_id = e.funnel_id AND r.view = e.view
 AND r.dimension_name IS NOT DISTINCT FROM e.dimension_name
 AND r.dimension_value IS NOT DISTINCT FROM e.dimension_value AND r.step = d.step
WINDOW w AS (PARTITION BY e.metric_date, funnel_id, e.view, e.dimension_name, e.dimension_value
             ORDER BY d.step);
ALTER TABLE funnel_conversion DROP former;
"""
JOURNEYS = """
CREATE TABLE visitor_journeys AS
WITH moved AS (
    SELECT * FROM page_views
    QUALIFY page_id IS DISTINCT FROM lag(page_id) OVER (PARTITION BY visitor_id, session_number
                                                        ORDER BY position)
),
pages AS (
    SELECT visitor_id, session_number,
           list(CASE WHEN length(page_id) > 100 THEN page_id[:99] || '…' ELSE page_id END
                ORDER BY position) AS all_pages
    FROM moved GROUP BY ALL
),
converted AS (
    SELECT visitor_id, session_number,
           string_agg(conversion_type || ' ' || strftime(converted_at, '%Y-%m-%d %H:%M:%S'), ' > '
                      ORDER BY converted_at, event_id) AS conversions
    FROM conversions GROUP BY ALL
)
SELECT visitor_id, session_number, session_id, started_at, session_date, channel,
       array_to_string(CASE WHEN len(all_pages) > 20 THEN all_pages[:20] || ['…']
                            ELSE all_pages END, ' > ') AS path,
       array_to_string(all_pages[:5], ' > ') AS first_pages, n_page_views, conversions,
       n_conversions, n_conversions > 0 AS has_converted, revenue AS value, is_bounce, is_bot,
       is_internal
FROM sessions LEFT JOIN pages USING (visitor_id, session_number)
LEFT JOIN converted USING (visitor_id, session_number);

CREATE TABLE top_paths AS
SELECT session_date AS metric_date, first_pages AS path, view, count(*) AS n_sessions,
       count(DISTINCT visitor_id) AS n_visitors, count(*) FILTER (is_bounce) AS n_bounces,
       n_bounces / n_sessions AS bounce_rate, count(*) FILTER (has_converted) AS n_converted,
       n_converted / n_sessions AS conversion_rate, sum(n_conversions)::bigint AS n_conversions,
       sum(value) AS value, metric_date < newest() AS is_complete
FROM visitor_journeys, views
WHERE first_pages IS NOT NULL AND counts(is_bot, is_internal, with_bots, with_internal)
GROUP BY ALL;
"""
CREDITED = """
CREATE TABLE channel_attribution AS
SELECT conversion_date AS metric_date, conversion_type, channel, model, view,
       sum(credit) AS conversions, coalesce(sum(credited_value), 0) AS value,
       metric_date < newest() AS is_complete
FROM attribution, views WHERE counts(is_bot, is_internal, with_bots, with_internal)
GROUP BY ALL;
"""
GOLD = MARTS.format(sums=SUMS)
