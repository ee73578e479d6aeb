"""Superset's settings; `scripts/superset_local.py` says through the environment where it lives."""

from __future__ import annotations

import os
from pathlib import Path

from superset.config import TALISMAN_CONFIG

_HOME = Path(os.environ["SUPERSET_HOME"])
_FIVE_MINUTES_S = 300

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ.get("SUPERSET_METADATA_URL", f"sqlite:///{_HOME}/superset.db")

APP_NAME = "Lakehouse"
FEATURE_FLAGS = {
    "ENABLE_TEMPLATE_PROCESSING": True,  # datasets ask which period and group the reader chose
    "DASHBOARD_RBAC": True,
}
# No PUBLIC_ROLE_LIKE: who is not logged in sees nothing.

# Results: marts change by the hour at most, and a page is opened by many.
DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": str(_HOME / "results"),
    "CACHE_DEFAULT_TIMEOUT": _FIVE_MINUTES_S,
    "CACHE_THRESHOLD": 500,
}
CACHE_CONFIG = {
    "CACHE_TYPE": "SimpleCache",
    "CACHE_DEFAULT_TIMEOUT": _FIVE_MINUTES_S,
    "CACHE_THRESHOLD": 500,
}

# A person's query costs the database this much at most.
ROW_LIMIT = 10_000
SQL_MAX_ROW = 10_000
DISPLAY_MAX_ROW = 10_000
SQLLAB_TIMEOUT = 30
SUPERSET_WEBSERVER_TIMEOUT = 60

# One process on one machine: counts of requests need no store of their own.
RATELIMIT_STORAGE_URI = "memory://"
SESSION_COOKIE_SAMESITE = "Strict"
# Superset's own rules, less the hosts of others: a page tells nobody that it was opened.
_RULES = TALISMAN_CONFIG["content_security_policy"]
TALISMAN_CONFIG = TALISMAN_CONFIG | {
    "content_security_policy": _RULES
    | {"img-src": ["'self'", "blob:", "data:"], "connect-src": ["'self'"]}
}

# Told apart by readers who do not see red and green (Okabe & Ito 2008); grey is for the unknown.
_OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8A8F98"]
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "lakehouse",
        "label": "Lakehouse",
        "description": "Distinct for every kind of colour vision",
        "isDefault": True,
        "colors": _OKABE_ITO,
    },
    {
        "id": "lakehouse_one",
        "label": "Lakehouse: one colour",
        "description": "Where the axis says already which is which",
        "colors": _OKABE_ITO[:1],
    },
]
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "lakehouse_good",
        "label": "Lakehouse: more is better",
        "description": "From pale to dark blue",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#EAF3FA", "#B7D5EA", "#74AFD3", "#2F86B9", "#0A5B8F", "#053A5F"],
    },
    {
        "id": "lakehouse_bad",
        "label": "Lakehouse: more is worse",
        "description": "From pale to dark red",
        "isDiverging": False,
        "colors": ["#FDF1E7", "#F9CFAE", "#F2A06B", "#E06C33", "#B8430F", "#7E2A05"],
    },
]
