"""The features of the product and what is true about each. One entry per feature."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A feature and what is true about it.

    ``hazard_ratio`` multiplies a user's daily rate of converting from the first use on.
    ``adoption`` is the chance to ever adopt, by activity class; ``delay_days`` the mean wait.
    """

    id: str
    hazard_ratio: float
    adoption: tuple[float, float, float]
    delay_days: float
    popularity: float
    planted: str


FEATURES = (
    Feature(
        id="dashboards",
        hazard_ratio=1.0,
        adoption=(1.0, 1.0, 1.0),
        delay_days=0,
        popularity=2.0,
        planted="everyone uses it from sign-up on: there is nobody to compare with",
    ),
    Feature(
        id="real_time_collab",
        hazard_ratio=2.5,
        adoption=(0.4, 0.4, 0.4),
        delay_days=2,  # soon or never, so that being an old user hardly means using it
        popularity=1.5,
        planted="true effect: using it raises the rate of converting after first use",
    ),
    Feature(
        id="dark_mode",
        hazard_ratio=1.0,
        adoption=(0.8, 0.8, 0.8),
        delay_days=25,
        popularity=0.7,
        planted="no effect; adoption grows with time, so early converters look like non-users "
        "and the cohort lift is biased against it",
    ),
    Feature(
        id="api_access",
        hazard_ratio=1.0,
        adoption=(0.08, 0.3, 0.75),
        delay_days=8,
        popularity=0.8,
        planted="no effect; active users adopt it and convert more anyway (confounding)",
    ),
    Feature(
        id="export_to_pdf",
        hazard_ratio=1.0,
        adoption=(0.3, 0.3, 0.3),
        delay_days=12,
        popularity=0.6,
        planted="no effect; switched off for a while",
    ),
    Feature(
        id="ai_assistant",
        hazard_ratio=1.2,
        adoption=(0.25, 0.25, 0.25),
        delay_days=7,
        popularity=1.0,
        planted="mild effect; released in the middle of the period, so early converters never "
        "had it",
    ),
    Feature(
        id="slack_integration",
        hazard_ratio=1.0,
        adoption=(0.2, 0.2, 0.2),
        delay_days=10,
        popularity=0.5,
        planted="no effect; deleted and added again",
    ),
)
FEATURE_IDS = tuple(feature.id for feature in FEATURES)
