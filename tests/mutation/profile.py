"""A pytest plugin: hypothesis tries the same examples every time, so that a mutant's fate is no matter of luck."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "mutation",
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutation")
