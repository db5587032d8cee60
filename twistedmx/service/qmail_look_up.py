"""What a stranger would hear of a recipient on a qmail host, and where his mail would go: for `twistedmx rcpt`.

Neither plugins nor RCPTCHECK are asked: they are the operator's programs, and may count who asks.
"""

from collections.abc import Mapping
from typing import Any

from twistedmx.model.verdict import Reason
from twistedmx.qmail import words
from twistedmx.qmail.control import BadControls
from twistedmx.qmail.judging import Judging
from twistedmx.qmail.plugging import Plugging
from twistedmx.qmail.telling import Telling
from twistedmx.service.look_up import BadAddress
from twistedmx.service.qmail_host import QmailHost
from twistedmx.smtp import codes

BACKEND = "qmail"


async def look_up_on(host: QmailHost, address: object) -> dict[str, Any]:
    """Shapes: `look_up.look_up`. Raises BadAddress."""
    if not isinstance(address, str) or not address.strip():
        raise BadAddress(f"{address!r} is no address; write local-part@domain")
    recipient = address.encode("utf-8", "surrogateescape")
    try:
        call = host.stranger()
    except BadControls as fault:
        return _told(address, str(words.NO_CONTROLS), "defer", Reason.LOOKUP_FAILED, str(fault))
    house = host.house
    judging = Judging(house, call, Telling(house.lines, call, beside=True), Plugging(None, call))
    judged = await judging.recipient(recipient, sender=b"", helo=b"", others=(), number=1, utf8=not recipient.isascii())
    refusal = judged.refusal
    if refusal is not None:
        said = house.said(refusal.words)
        return _told(address, str(said), "defer" if said.code < 500 else "reject", refusal.reason, refusal.detail)
    said = host.words(codes.RECIPIENT_OK)
    answer = _told(address, str(said), "accept", Reason.ACCEPTED, "")
    shown = judged.address.decode("utf-8", "backslashreplace")
    place = house.delivering.place_of(judged.address, call)
    answer["destinations"] = [{"address": shown, **(place if isinstance(place, Mapping) else await place)}]
    return answer


def _told(address: str, reply: str, verdict: str, reason: Reason, detail: str) -> dict[str, Any]:
    return {
        "address": address,
        "reply": reply,
        "verdict": verdict,
        "reason": reason.value,
        "backend": BACKEND,
        "detail": detail,
        "destinations": [],
    }
