"""Tests of the mailboxes. Hypothesis is told that a slow machine is no fault of the code."""

from hypothesis import settings

settings.register_profile("no-time-limit", deadline=None)
settings.load_profile("no-time-limit")
