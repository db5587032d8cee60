"""How the acceptance of a message ended."""

import attrs


@attrs.frozen(kw_only=True)
class Copy:
    """One copy to be written. `maildir`: absolute path. `trace`: all that stands above the content in this copy, LF ends.

    `owner`: the system user whose file it becomes; "" for the server's own.
    """

    maildir: str
    trace: bytes
    owner: str = ""


@attrs.frozen(kw_only=True)
class Stored:
    """Every copy would survive a power cut. `paths`: where they are, in the order of the copies asked for."""

    paths: tuple[str, ...]


@attrs.frozen(kw_only=True)
class NoSpace:
    """A disk or a quota of the file system is full; nothing was left behind. `detail`: for the log alone."""

    detail: str


@attrs.frozen(kw_only=True)
class Failed:
    """A disk is read-only or broken, or we are shutting down; nothing was left behind. `detail`: for the log alone."""

    detail: str


Outcome = Stored | NoSpace | Failed
