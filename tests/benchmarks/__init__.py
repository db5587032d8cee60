"""The harness that measures: that it counts what it says it counts."""
