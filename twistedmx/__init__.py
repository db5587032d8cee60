"""twistedmx: a receiving mail server (MX) that stays up when the botnet comes. See docs/architecture.md."""

__version__ = "0.1.0"
