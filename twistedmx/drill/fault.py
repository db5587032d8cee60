"""Why there is no drill."""


class CannotDrill(Exception):
    """The text says why, and what to do."""
