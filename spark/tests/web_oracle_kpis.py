"""gold.web_kpis by SQL, from the sentences of the KPIs, over the silver tables."""

from __future__ import annotations

KPIS = """
CREATE MACRO there(moment) AS
    (moment::timestamptz AT TIME ZONE getvariable('reporting_time_zone'))::date;
CREATE MACRO ended(day) AS ((day + 1)::timestamp AT TIME ZONE getvariable('reporting_time_zone'))
                           AT TIME ZONE 'UTC';
CREATE TABLE of_events AS
SELECT e.*, there(event_at) AS metric_date, g.name AS dimension_name, g.value AS dimension_value
FROM views_of_events AS e, LATERAL (VALUES (NULL, NULL), ('device_type', device_type),
    ('country', country)) AS g(name, value);
CREATE TABLE of_pages AS
SELECT p.*, there(viewed_at) AS metric_date, g.name AS dimension_name, g.value AS dimension_value
FROM views_of_pages AS p, LATERAL (VALUES (NULL, NULL), ('channel', channel),
    ('device_type', device_type), ('country', country)) AS g(name, value);
CREATE TABLE of_sessions AS
SELECT s.*, there(started_at) AS metric_date, g.name AS dimension_name, g.value AS dimension_value,
       getvariable('weight_of_time') * least(engaged_s / getvariable('full_time_s'), 1)
       + getvariable('weight_of_pages') * least(n_page_views / getvariable('full_pages'), 1)
       + getvariable('weight_of_scroll') * coalesce(max_depth_pct, 0) / 100
       + getvariable('weight_of_conversions') * (n_conversions > 0)::int AS points
FROM views_of_sessions AS s, LATERAL (VALUES (NULL, NULL), ('channel', channel),
    ('device_type', device_type), ('country', country), ('source', source), ('browser', browser),
    ('region', country || '/' || region)) AS g(name, value);

CREATE TABLE ratios AS
WITH events_ AS (
    SELECT metric_date, view, dimension_name, dimension_value,
           count(DISTINCT visitor_id) FILTER (NOT is_late) AS n_visitors,
           count(*) FILTER (NOT is_late) AS n_events,
           count(*) FILTER (NOT is_late AND is_bot) AS n_of_bots,
           count(received_at) FILTER (NOT is_late) AS n_received,
           sum(greatest(epoch_us(received_at) - epoch_us(event_at), 0))
               FILTER (NOT is_late AND received_at IS NOT NULL) / 1e6 AS late_s,
           count(*) FILTER (NOT is_late AND NOT is_bot) AS n_healthy, count(*) AS n_told
    FROM of_events GROUP BY ALL
),
each_form AS (
    SELECT metric_date, view, dimension_name, dimension_value, visitor_id, form_id,
           bool_or(coalesce(form_step, 'submitted') = 'submitted') AS is_sent
    FROM of_events WHERE event_type = 'form_submit' AND NOT is_late GROUP BY ALL
),
forms AS (
    SELECT metric_date, view, dimension_name, dimension_value, count(*) AS n_forms,
           count(*) FILTER (is_sent) AS n_sent
    FROM each_form GROUP BY ALL
),
pages_ AS (
    SELECT metric_date, view, dimension_name, dimension_value, count(*) AS n_views,
           count(*) FILTER (n_clicks > 0) AS n_clicked, sum(max_depth_pct) AS depth_pct,
           count(max_depth_pct) AS n_scrolled
    FROM of_pages GROUP BY ALL
),
sessions_ AS (
    SELECT metric_date, view, dimension_name, dimension_value, count(*) AS n_sessions,
           count(DISTINCT visitor_id) AS n_visitors, count(*) FILTER (is_bounce) AS n_bounces,
           sum(duration_s) AS duration_s, count(*) FILTER (n_conversions > 0) AS n_converted,
           count(*) FILTER (device_type = 'mobile') AS n_mobile,
           count(*) FILTER (device_type = 'desktop') AS n_desktop, sum(points) AS points,
           sum(count(*)) OVER (PARTITION BY metric_date, view, dimension_name) AS n_whole
    FROM of_sessions GROUP BY metric_date, view, dimension_name, dimension_value
)
SELECT e.metric_date, k.kpi, view, dimension_name, dimension_value, k.unit,
       k.numerator, k.denominator
FROM events_ AS e, LATERAL (VALUES
    ('unique_visitors', 'count', nullif(n_visitors, 0)::double, NULL::double),
    ('data_freshness_s', 's', late_s, n_received),
    ('bot_traffic_rate', 'rate', n_of_bots, CASE WHEN view = 'all' THEN n_events END),
    ('traffic_health_rate', 'rate', n_healthy, CASE WHEN view = 'all' THEN n_told END))
    AS k(kpi, unit, numerator, denominator)
UNION ALL
SELECT metric_date, 'unique_visitors', view, dimension_name, dimension_value, 'count',
       n_visitors, NULL FROM sessions_ WHERE dimension_name = 'channel'
UNION ALL
SELECT metric_date, 'form_completion_rate', view, dimension_name, dimension_value, 'rate',
       n_sent, n_forms FROM forms
UNION ALL
SELECT metric_date, k.kpi, view, dimension_name, dimension_value, k.unit, k.numerator,
       k.denominator
FROM pages_, LATERAL (VALUES ('page_views', 'count', n_views::double, NULL::double),
    ('scroll_depth_pct', 'pct', depth_pct, n_scrolled),
    ('click_through_rate', 'rate', n_clicked, n_views)) AS k(kpi, unit, numerator, denominator)
UNION ALL
SELECT metric_date, k.kpi, view, dimension_name, dimension_value, k.unit, k.numerator,
       k.denominator
FROM sessions_, LATERAL (VALUES ('bounce_rate', 'rate', n_bounces::double, n_sessions::double),
    ('average_session_duration_s', 's', duration_s, n_sessions),
    ('sessions_per_user', 'ratio', n_sessions, n_visitors),
    ('conversion_rate', 'rate', n_converted, n_sessions),
    ('mobile_share', 'rate', n_mobile, n_sessions),
    ('desktop_share', 'rate', n_desktop, n_sessions),
    ('engagement_score', 'score', points, n_sessions)) AS k(kpi, unit, numerator, denominator)
WHERE coalesce(dimension_name, '') IN ('', 'channel', 'device_type', 'country')
  AND (k.kpi NOT IN ('mobile_share', 'desktop_share')
       OR coalesce(dimension_name, '') <> 'device_type')
UNION ALL
SELECT metric_date, CASE dimension_name WHEN 'source' THEN 'traffic_by_source'
                                        WHEN 'browser' THEN 'top_browsers'
                                        ELSE 'top_regions' END,
       view, dimension_name, dimension_value, 'rate', n_sessions, n_whole
FROM sessions_ WHERE dimension_name IN ('source', 'browser', 'country', 'region');

CREATE TABLE entries AS
SELECT there(entry_at) AS metric_date, funnel_id, visitor_id, entry_number, view, window_s,
       max(step) = any_value(n_steps) AS is_completed
FROM funnel_steps JOIN funnels USING (funnel_id), views
WHERE counts(is_bot, is_internal, with_bots, with_internal) GROUP BY ALL;

CREATE TABLE web_kpis AS
WITH loads AS (
    SELECT metric_date, view, dimension_name, dimension_value, count(*) AS n,
           quantile_cont(load_ms, [0.5, 0.9, 0.99]) AS found
    FROM of_pages WHERE load_ms IS NOT NULL GROUP BY ALL
),
ended_funnels AS (
    SELECT metric_date, view, funnel_id, window_s, count(*) AS n_entered,
           count(*) FILTER (is_completed) AS n_completed
    FROM entries GROUP BY ALL
),
told AS (
    SELECT metric_date, kpi, view, dimension_name, dimension_value, numerator, denominator,
           CASE WHEN kpi IN ('unique_visitors', 'page_views') THEN numerator
                WHEN denominator > 0 THEN numerator / denominator END AS value, unit,
           ended(metric_date) AS ends_at
    FROM ratios
    UNION ALL
    SELECT metric_date, 'page_load_p' || rank || '_ms', view, dimension_name, dimension_value,
           NULL, n, found[place], 'ms', ended(metric_date)
    FROM loads, (VALUES (50, 1), (90, 2), (99, 3)) AS r(rank, place)
    UNION ALL
    SELECT metric_date, k.kpi, view, 'funnel_id', funnel_id, n, n_entered, n / n_entered, 'rate',
           ended(metric_date + ceil(2 * window_s / 86400)::int)
    FROM ended_funnels, LATERAL (VALUES ('funnel_conversion_rate', n_completed),
        ('funnel_drop_off_rate', n_entered - n_completed)) AS k(kpi, n)
)
SELECT * EXCLUDE (ends_at), ends_at <= newest() AS is_complete FROM told WHERE value IS NOT NULL;
"""
