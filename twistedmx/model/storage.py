"""How the acceptance of a message ended."""

import attrs

from twistedmx.smtp.reply import Reply


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


@attrs.frozen(kw_only=True)
class HandedOver:
    """Another program has it, and has said so. `name`: what the peer hears of it and that program's log has, as "1234"."""

    name: str


@attrs.frozen(kw_only=True)
class Declined:
    """The program that it was for has not taken it; nothing was left behind, as far as that can be told. `reply`: a refusal, what
    the peer hears. `detail`: for the log alone. `fault`: it did not judge the message, but failed, or could not be asked."""

    reply: Reply = attrs.field()
    detail: str
    fault: bool = False

    @reply.validator
    def _check_reply(self, attribute: "attrs.Attribute[Reply]", reply: Reply) -> None:
        if reply.code // 100 not in (4, 5):
            raise ValueError(f"what was declined is not answered with {reply}")


Outcome = Stored | NoSpace | Failed | HandedOver | Declined
