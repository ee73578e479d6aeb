"""What exports call their fields, and how they write moments: what a guess goes by."""

from __future__ import annotations

SIGNS: dict[str, tuple[set[str], ...]] = {
    "ga4": ({"event_timestamp"}, {"event_name"}, {"user_pseudo_id", "user_id"}),
    "amplitude": ({"event_type"}, {"event_time"}, {"device_id", "user_id", "amplitude_id"}),
    "mixpanel": ({"event"}, {"properties.time"}, {"properties.distinct_id"}),
    "segment": ({"messageId"}, {"anonymousId", "userId"}, {"timestamp", "sentAt", "receivedAt"}),
    "posthog": ({"event"}, {"distinct_id"}, {"timestamp"}, {"uuid", "id"}),
}
"""Preset → names that its records have: of each set at least one."""
ALIKE: dict[str, tuple[str, ...]] = {
    "user_id": ("userid", "uid", "customerid", "memberid", "accountid", "distinctid", "visitorid",
                "anonymousid", "clientid", "deviceid", "cookieid", "user", "customer", "visitor",
                "benutzer", "nutzer", "kunde", "utilisateur", "client", "usuario", "cliente"),
    "timestamp": ("timestamp", "eventtimestamp", "eventtime", "occurredat", "createdat", "time",
                  "datetime", "ts", "when", "date",
                  "zeit", "zeitpunkt", "datum", "horodatage", "fecha"),
    "action_type": ("actiontype", "eventname", "eventtype", "event", "action", "activity", "type",
                    "aktion", "ereignis", "evenement", "accion", "evento"),
    "page_id": ("pageid", "pagepath", "pathname", "path", "page", "screen", "url", "pageurl",
                "seite", "pagina"),
    "duration_ms": ("durationms", "duration", "milliseconds", "millis", "ms", "elapsedms",
                    "elapsed", "latencyms", "latency", "responsetime", "timespent", "took",
                    "durations", "durationseconds", "durationsec",
                    "dauer", "dauers", "duree", "duracion"),
    "app_version": ("appversion", "clientversion", "version", "release"),
    "interaction_id": ("interactionid", "eventid", "messageid", "uuid", "insertid", "id"),
    "event_id": ("eventid", "messageid", "uuid", "insertid", "id"),
    "subscription_type": ("subscription", "plan", "tier"),
    "device_type": ("device", "platform", "gerat", "appareil"),
    "country": ("country", "countrycode", "geocountry", "nation", "land", "pays", "pais"),
}  # fmt: skip
"""Field → names that others give it, the most telling first."""
FORMATS = (
    "%d/%b/%Y:%H:%M:%S %z",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%Y%m%d%H%M%S",
    "%Y/%m/%d %H:%M:%S",
)
