"""What would a peer hear of this recipient? Asked of a running server, or of its settings alone."""

from typing import Any

from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.net.control import Refused
from twistedmx.policy.recipient import Decision
from twistedmx.smtp.path import BadPath, Path, parse_path


def path_of(address: object) -> Path:
    """The forward-path that an operator wrote. Raises Refused."""
    try:
        return parse_path(str(address or "").encode())
    except BadPath as error:
        raise Refused(f"{address!r} is no address: {error}; write local-part@domain") from None


def answer_of(path: Path, decision: Decision, mailboxes: MailboxesByDomain) -> dict[str, Any]:
    """{"address", "reply", "verdict", "reason", "backend", "detail", "destinations": [{"address", "maildir", "owner"}]}"""
    verdict, destinations = decision
    backend = mailboxes.backend_of(path)
    return {
        "address": str(path),
        "reply": str(verdict.reply),
        "verdict": verdict.action.value,
        "reason": verdict.reason.value,
        "backend": backend.name if backend is not None else "",
        "detail": verdict.detail,
        "destinations": [
            {
                "address": to.address.decode("utf-8", "backslashreplace"),
                "maildir": to.maildir,
                "owner": to.owner,
            }
            for to in destinations
        ],
    }
