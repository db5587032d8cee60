"""What would a peer hear of this recipient, from where, and why? Asked of a running server, or of its settings alone."""

from typing import Any

from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.policy.recipient import RecipientStep
from twistedmx.policy.waiting import deferred_of
from twistedmx.smtp.path import BadPath, Path, parse_path


class BadAddress(ValueError):
    """The text says what is wrong with it."""


async def look_up(address: object, recipients: RecipientStep, mailboxes: MailboxesByDomain) -> dict[str, Any]:
    """{"address", "reply", "verdict", "reason", "backend", "detail", "destinations": [{"address", "maildir", "owner"}]}

    `address`: as an operator wrote it. Raises BadAddress.
    """
    try:
        path = parse_path(address.encode() if isinstance(address, str) else b"")
    except (BadPath, UnicodeError) as error:
        raise BadAddress(f"{address!r} is no address: {error}; write local-part@domain") from None
    mailboxes.refresh()
    decision = recipients.decide(path)
    verdict, destinations = decision if isinstance(decision, tuple) else await deferred_of(decision)
    return {
        "address": str(path),
        "reply": str(verdict.reply),
        "verdict": verdict.action.value,
        "reason": verdict.reason.value,
        "backend": _backend(path, mailboxes),
        "detail": verdict.detail,
        "destinations": [
            {"address": to.address.decode("utf-8", "backslashreplace"), "maildir": to.maildir, "owner": to.owner}
            for to in destinations
        ],
    }


def _backend(path: Path, mailboxes: MailboxesByDomain) -> str:
    backend = mailboxes.backend_of(path)
    return backend.name if backend is not None else ""
