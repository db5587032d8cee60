"""What ends a measurement, in words for who started it."""


class CannotMeasure(Exception):
    """A figure that cannot be had, or must not be believed. The text says why, and what to do where something can be done."""
