"""The silver tables of the web by SQL, from the definitions: `landed` and what is known of it."""

from __future__ import annotations

IDENTITIES = """
CREATE TABLE once AS
SELECT * FROM landed
QUALIFY row_number() OVER (PARTITION BY event_id
                           ORDER BY coalesce(received_at, "timestamp")) = 1;

CREATE TABLE identities AS
WITH logins AS (
    SELECT anonymous_id, event_at, arg_min(user_id, event_id) AS user_id
    FROM once ANTI JOIN unmerged USING (anonymous_id, user_id)
    WHERE anonymous_id IS NOT NULL AND user_id IS NOT NULL
    GROUP BY anonymous_id, event_at
),
changes AS (
    SELECT *, lag(user_id) OVER w AS former FROM logins
    WINDOW w AS (PARTITION BY anonymous_id ORDER BY event_at)
    QUALIFY former IS DISTINCT FROM user_id
)
SELECT anonymous_id, user_id,
       CASE WHEN former IS NULL THEN TIMESTAMP '1970-01-01' ELSE event_at END AS effective_from,
       coalesce(lead(event_at) OVER w, TIMESTAMP '9999-12-31') AS effective_to,
       lead(event_at) OVER w IS NULL AS is_current
FROM changes WINDOW w AS (PARTITION BY anonymous_id ORDER BY event_at);

CREATE TABLE rates AS
WITH best AS (
    SELECT currency, rate_date, max(rate) AS rate FROM landed_rates GROUP BY currency, rate_date
),
changes AS (
    SELECT * FROM best
    QUALIFY rate IS DISTINCT FROM lag(rate) OVER (PARTITION BY currency ORDER BY rate_date)
)
SELECT currency, rate, rate_date::timestamp AS effective_from,
       coalesce(lead(rate_date) OVER w, DATE '9999-12-31')::timestamp AS effective_to,
       lead(rate_date) OVER w IS NULL AS is_current
FROM changes WINDOW w AS (PARTITION BY currency ORDER BY rate_date);
"""

EVENTS = """
CREATE TABLE sourced AS
SELECT o.* EXCLUDE (session_id, page_id), o.session_id AS client_session_id,
       coalesce(o.page_id, p.path) AS page_id, p.host AS page_host, p.path AS page_path,
       CASE WHEN r.site IS DISTINCT FROM p.site
             AND NOT list_contains(getvariable('own_domains'), r.site) THEN r.site
            END AS referrer_site,
       CASE WHEN gclid IS NOT NULL THEN 'gclid' WHEN msclkid IS NOT NULL THEN 'msclkid'
            WHEN fbclid IS NOT NULL THEN 'fbclid' END AS click_id,
       coalesce(utm_source,
                CASE click_id WHEN 'gclid' THEN 'google' WHEN 'msclkid' THEN 'bing'
                              WHEN 'fbclid' THEN 'facebook' END,
                CASE WHEN referrer_site IS NOT NULL THEN lower(coalesce(r.name, r.site)) END,
                '(direct)') AS source,
       CASE WHEN utm_medium IS NOT NULL THEN utm_medium
            WHEN utm_source IS NOT NULL THEN '(none)'
            WHEN click_id IN ('gclid', 'msclkid') THEN 'cpc'
            WHEN click_id = 'fbclid' THEN 'social'
            WHEN referrer_site IS NULL THEN '(none)'
            WHEN r.kind = 'search' THEN 'organic'
            WHEN r.kind = 'email' THEN 'email'
            ELSE 'referral' END AS medium,
       a.browser, a.version AS browser_version, a.os, a.device_type, a.is_listed,
       coalesce(n.country, 'unknown') AS country, coalesce(n.region, 'unknown') AS region,
       coalesce(n.city, 'unknown') AS city, coalesce(n.is_data_centre, false) AS is_data_centre,
       coalesce(n.is_internal, false)
           OR coalesce(list_contains(getvariable('hosts'), p.host), false)
           OR coalesce(list_contains(getvariable('hosts'), o.domain), false)
           AS is_internal,
       coalesce(epoch_us(sent_at) - epoch_us("timestamp")
                > getvariable('max_late_days')::bigint * 86400000000, false) AS is_late
FROM once AS o
LEFT JOIN agents AS a ON a.user_agent IS NOT DISTINCT FROM o.user_agent
LEFT JOIN networks AS n ON n.network = o.network
LEFT JOIN pages AS p ON p.address = o.page_url
LEFT JOIN referrers AS r ON r.address = o.referrer;

CREATE TABLE grouped AS
WITH told AS (
    SELECT s.*, k.kind, lower(source) AS s, lower(medium) AS m,
           coalesce(lower(utm_campaign), '') AS c,
           regexp_full_match(m, '.*cp.*|ppc|retargeting|paid.*') AS is_paid
    FROM sourced AS s LEFT JOIN kinds AS k USING (source)
)
SELECT * EXCLUDE (kind, s, m, c, is_paid),
       CASE WHEN s = '(direct)' AND m IN ('(none)', '(not set)') THEN 'Direct'
            WHEN is_paid AND kind = 'search' THEN 'Paid Search'
            WHEN is_paid AND kind = 'social' THEN 'Paid Social'
            WHEN is_paid AND kind = 'video' THEN 'Paid Video'
            WHEN m IN ('display', 'banner', 'expandable', 'interstitial', 'cpm') THEN 'Display'
            WHEN is_paid THEN 'Paid Other'
            WHEN kind = 'shopping' OR regexp_full_match(c, '.*(([^a-df-z]|^)shop|shopping).*')
                THEN 'Organic Shopping'
            WHEN kind = 'social' OR m IN ('social', 'social-network', 'social-media', 'sm',
                                          'social network', 'social media') THEN 'Organic Social'
            WHEN kind = 'video' OR contains(m, 'video') THEN 'Organic Video'
            WHEN kind = 'search' OR m = 'organic' THEN 'Organic Search'
            WHEN kind = 'email' OR s IN ('email', 'e-mail', 'e_mail', 'e mail')
                OR m IN ('email', 'e-mail', 'e_mail', 'e mail') THEN 'Email'
            WHEN m IN ('affiliate', 'affiliates') THEN 'Affiliates'
            WHEN m IN ('referral', 'app', 'link') THEN 'Referral'
            WHEN m = 'audio' THEN 'Audio'
            WHEN 'sms' IN (s, m) THEN 'SMS'
            WHEN suffix(m, 'push') OR contains(m, 'mobile') OR contains(m, 'notification')
                OR s = 'firebase' THEN 'Push'
            ELSE 'Unassigned' END AS channel
FROM told;

CREATE TABLE device_days AS
WITH minutes AS (
    SELECT actor_id, event_date, date_trunc('minute', event_at) AS minute, count(*) AS n
    FROM grouped GROUP BY ALL
),
pauses AS (
    SELECT actor_id, event_date,
           epoch_us(event_at) - lag(epoch_us(event_at)) OVER w AS pause_us
    FROM grouped WHERE event_type <> 'page_ping'
    WINDOW w AS (PARTITION BY actor_id, event_date ORDER BY event_at)
),
views_ AS (
    SELECT actor_id, event_date, count(*) FILTER (event_type = 'page_view') AS n_views,
           count(*) FILTER (event_type IN ('page_ping', 'scroll')) AS n_signals
    FROM grouped GROUP BY ALL
),
busiest AS (SELECT actor_id, event_date, max(n) AS most FROM minutes GROUP BY ALL),
evenest AS (
    SELECT actor_id, event_date, count(*) AS n, max(pause_us) - min(pause_us) AS spread_us
    FROM pauses GROUP BY ALL
)
SELECT actor_id, event_date, most > getvariable('max_events_per_minute') AS is_too_fast,
       n_views >= getvariable('views_without_signal') AND n_signals = 0 AS is_silent,
       coalesce(n >= getvariable('regular_events')
                AND spread_us <= getvariable('regular_spread_ms') * 1000, false) AS is_regular
FROM views_ JOIN busiest USING (actor_id, event_date)
LEFT JOIN evenest USING (actor_id, event_date);

CREATE TABLE events AS
SELECT g.* EXCLUDE (is_listed, is_data_centre, user_agent, action, page_url, referrer, domain,
                    gclid, fbclid, msclkid, "timestamp", sent_at),
       coalesce(g.user_id, i.user_id, g.anonymous_id) AS visitor_id,
       g.user_id IS NULL AND i.user_id IS NOT NULL AS is_stitched,
       nullif(concat_ws(',', CASE WHEN is_listed THEN 'listed_agent' END,
                        CASE WHEN user_agent IS NULL AND coalesce(platform, 'web') = 'web'
                             THEN 'no_agent' END,
                        CASE WHEN is_data_centre THEN 'data_centre' END,
                        CASE WHEN is_too_fast THEN 'too_fast' END,
                        CASE WHEN is_silent THEN 'no_signal' END,
                        CASE WHEN is_regular THEN 'regular' END), '') AS bot_reasons,
       bot_reasons IS NOT NULL AS is_bot
FROM grouped AS g JOIN device_days USING (actor_id, event_date)
LEFT JOIN identities AS i
  ON i.anonymous_id = g.anonymous_id AND g.event_at >= i.effective_from
 AND g.event_at < i.effective_to;

CREATE TABLE orders AS
WITH told AS (
    SELECT * FROM events WHERE event_type IN ('purchase', 'refund') AND NOT is_late
    QUALIFY event_type = 'refund'
         OR row_number() OVER (PARTITION BY event_type, order_id ORDER BY event_at, event_id) = 1
)
SELECT event_id, event_type AS kind, order_id, event_at, event_date AS order_date, visitor_id,
       product_id, category, quantity, discount_code, payment_method, total_amount, t.currency,
       (CASE kind WHEN 'refund' THEN -1 ELSE 1 END
        * round(total_amount * CASE WHEN t.currency = getvariable('reporting_currency') THEN 1
                                    ELSE rate END, 2))::decimal(18, 2) AS amount_reporting,
       amount_reporting IS NOT NULL AS is_summed, is_bot, is_internal
FROM told AS t LEFT JOIN rates AS r
  ON r.currency = t.currency AND event_at >= effective_from AND event_at < effective_to;
"""

SESSIONS = """
CREATE TABLE gap_starts AS
WITH told AS (
    SELECT *, CASE WHEN coalesce(utm_source, utm_medium, utm_campaign, click_id) IS NOT NULL
                   THEN {'a': utm_source, 'b': utm_medium, 'c': utm_campaign, 'd': click_id}
              END AS campaign,
           getvariable('mode') = 'client' AND client_session_id IS NOT NULL AS is_clients
    FROM events WHERE NOT is_late
),
seen AS (
    SELECT *, epoch_us(event_at) - lag(epoch_us(event_at)) OVER w AS pause_us,
           last_value(campaign IGNORE NULLS) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING
                                                   AND 1 PRECEDING) AS last_campaign
    FROM told WINDOW w AS (PARTITION BY visitor_id, is_clients ORDER BY event_at, event_id)
)
SELECT * EXCLUDE (pause_us, last_campaign, campaign),
       pause_us IS NULL OR pause_us > getvariable('gap_s')::bigint * 1000000
       OR (getvariable('campaign_starts_session') AND campaign IS NOT NULL
           AND campaign IS DISTINCT FROM last_campaign) AS starts
FROM seen;

CREATE TABLE visits AS
WITH cut AS (
    SELECT *, CASE WHEN is_clients THEN 'c' || client_session_id
                   ELSE 'g' || sum(starts::int) OVER (PARTITION BY visitor_id, is_clients
                                                      ORDER BY event_at, event_id) END AS visit
    FROM gap_starts
),
begun AS (
    SELECT visitor_id, visit, min((event_at, event_id)) AS first, first[1] AS began_at
    FROM cut GROUP BY ALL
)
SELECT c.* EXCLUDE (starts, visit, is_clients), began_at,
       dense_rank() OVER (PARTITION BY visitor_id ORDER BY first) AS session_number,
       NOT is_clients OR event_at <= began_at + to_days(getvariable('max_session_days'))
           AS is_counted
FROM cut AS c JOIN begun USING (visitor_id, visit);

CREATE TABLE keyed AS
SELECT *, epoch_us(event_at) // (getvariable('heartbeat_s')::bigint * 1000000) AS slot,
       coalesce(page_view_id, CASE WHEN event_type = 'page_view' THEN event_id END,
                   last_value(CASE WHEN event_type = 'page_view'
                                   THEN coalesce(page_view_id, event_id) END IGNORE NULLS)
                       OVER (PARTITION BY visitor_id, session_number
                             ORDER BY event_at, event_id ROWS UNBOUNDED PRECEDING),
                   CASE WHEN event_type = 'page_ping'
                        THEN concat_ws(' ', 'pings of session', session_number, page_id) END) AS key
FROM visits WHERE is_counted;

CREATE TABLE page_views AS
WITH together AS (
    SELECT visitor_id, key AS page_view_id, min((event_at, event_id)) AS first,
           arg_min(session_number, (event_at, event_id)) AS session_number,
           first[1] AS viewed_at, first[1]::date AS view_date,
           coalesce(arg_min(page_id, (event_at, event_id)), 'unknown') AS page_id,
           arg_min(page_host, (event_at, event_id)) AS page_host,
           arg_min(page_title, (event_at, event_id)) AS page_title,
           (CASE WHEN count(*) FILTER (event_type = 'page_ping') = 0 THEN 0
                 ELSE getvariable('heartbeat_s')
                      * (count(DISTINCT slot) FILTER (event_type = 'page_ping') - 1)
                      + getvariable('minimum_visit_s') END)::bigint AS engaged_s,
           max(depth_pct) AS max_depth_pct, count(*) FILTER (event_type = 'click') AS n_clicks,
           count(*) AS n_events,
           arg_max(load_ms, (event_at, event_id)) AS load_ms,
           arg_max(ttfb_ms, (event_at, event_id)) AS ttfb_ms,
           arg_max(lcp_ms, (event_at, event_id)) AS lcp_ms,
           arg_max(cls, (event_at, event_id)) AS cls,
           arg_max(inp_ms, (event_at, event_id)) AS inp_ms,
           arg_max(fid_ms, (event_at, event_id)) AS fid_ms,
           arg_min(device_type, (event_at, event_id)) AS device_type,
           arg_min(browser, (event_at, event_id)) AS browser,
           arg_min(os, (event_at, event_id)) AS os,
           arg_min(country, (event_at, event_id)) AS country,
           arg_min(region, (event_at, event_id)) AS region,
           arg_min(city, (event_at, event_id)) AS city,
           bool_or(is_bot) AS is_bot, bool_or(is_internal) AS is_internal
    FROM keyed WHERE key IS NOT NULL GROUP BY visitor_id, key
)
SELECT * EXCLUDE (first), row_number() OVER w AS position, lead(page_id) OVER w AS next_page_id,
       position = 1 AS is_entry, next_page_id IS NULL AS is_exit
FROM together JOIN (
    SELECT visitor_id, session_number,
           arg_min(channel, (event_type <> 'page_view', event_at, event_id)) AS channel
    FROM visits WHERE is_counted GROUP BY ALL
) AS came USING (visitor_id, session_number)
WINDOW w AS (PARTITION BY visitor_id, session_number ORDER BY first, page_view_id);

CREATE TABLE conversions AS
SELECT v.event_id, v.visitor_id, session_number, event_type AS conversion_type,
       v.event_at AS converted_at, event_date AS conversion_date,
       o.order_id, amount_reporting AS value, v.is_bot, v.is_internal
FROM visits AS v LEFT JOIN orders AS o ON o.event_id = v.event_id
WHERE is_counted AND list_contains(getvariable('conversions'), event_type)
  AND (event_type <> 'purchase' OR o.event_id IS NOT NULL);

CREATE TABLE sessions AS
WITH of_events AS (
    SELECT visitor_id, session_number,
           md5(to_json({'visitor_id': visitor_id,
                        'first_event_id': arg_min(event_id, (event_at, event_id))})) AS session_id,
           min(event_at) AS started_at, max(event_at) AS ended_at,
           min(event_at)::date AS session_date, count(*) AS n_events,
           count(*) FILTER (event_type NOT IN ('page_view', 'page_ping', 'web_vitals'))
               AS n_interactions,
           arg_min({'v': {'channel': channel, 'source': source, 'medium': medium,
                          'campaign': utm_campaign, 'referrer_site': referrer_site}},
                   (event_type <> 'page_view', event_at, event_id)).v AS origin,
           arg_min({'v': {'device_type': device_type, 'browser': browser, 'os': os,
                          'country': country, 'region': region, 'city': city}},
                   (event_at, event_id)).v AS made,
           bool_or(is_bot) AS is_bot, bool_or(is_internal) AS is_internal
    FROM visits WHERE is_counted GROUP BY visitor_id, session_number
),
over_long AS (
    SELECT visitor_id, session_number, NOT bool_and(is_counted) AS is_over_long
    FROM visits GROUP BY ALL
),
of_views AS (
    SELECT visitor_id, session_number, count(*) AS n_page_views,
           sum(engaged_s)::bigint AS engaged_s, max(max_depth_pct) AS max_depth_pct,
           arg_max(engaged_s, position) AS last_s, arg_min(page_id, position) AS entry_page,
           arg_max(page_id, position) AS exit_page
    FROM page_views GROUP BY ALL
),
of_conversions AS (
    SELECT visitor_id, session_number, count(*) AS n_conversions, sum(value) AS revenue
    FROM conversions GROUP BY ALL
)
SELECT e.* EXCLUDE (origin, made), unnest(origin), unnest(made), is_over_long,
       coalesce(n_page_views, 0) AS n_page_views, coalesce(engaged_s, 0) AS engaged_s,
       ((epoch_us(ended_at) - epoch_us(started_at)) // 1000000 + coalesce(last_s, 0))::bigint
           AS duration_s,
       max_depth_pct, entry_page, exit_page,
       coalesce(n_page_views, 0) = 1 AND n_interactions = 0 AS is_bounce,
       coalesce(n_page_views, 0) >= 2 OR coalesce(n_conversions, 0) > 0
           OR coalesce(engaged_s, 0) >= getvariable('engaged_s') AS is_engaged,
       coalesce(n_conversions, 0) AS n_conversions,
       coalesce(revenue, 0)::decimal(18, 2) AS revenue
FROM of_events AS e JOIN over_long USING (visitor_id, session_number)
LEFT JOIN of_views USING (visitor_id, session_number)
LEFT JOIN of_conversions USING (visitor_id, session_number);
"""
SILVER = IDENTITIES + EVENTS + SESSIONS
