"""Hypothesis is told that a slow machine is no fault of the code. TWISTEDMX_EXAMPLES: so many of each property, 100 by default."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "here",
    deadline=None,
    max_examples=int(os.environ.get("TWISTEDMX_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("here")
