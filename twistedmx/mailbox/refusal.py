"""The operator's own refusal of an address: "550 5.1.6 Write to ann@example.org instead", both codes optional.

Enhanced status codes: RFC 3463. Without codes it is 550 5.7.1, a matter of policy.
"""

import re

from twistedmx.smtp.reply import Reply, reply

_REFUSAL = re.compile(
    r"(?:(?P<code>\d{3,})(?=\s|$)\s*)?(?:(?P<enhanced>\d\.\d+\.\d+)(?=\s|$)\s*)?(?P<text>.*)", re.DOTALL
)
_CODE_OF_CLASS = {"4": 450, "5": 550}
_DEFAULT_TEXT = "This address takes no mail"


def parse_refusal(written: str) -> Reply:
    """The Reply that an entry asks for. Raises ValueError with words for the operator."""
    found = _REFUSAL.fullmatch(written.strip())
    assert found is not None, "the pattern takes any text"  # noqa: S101 -- for mypy
    enhanced = found["enhanced"]
    code = int(found["code"] or _CODE_OF_CLASS.get((enhanced or "5")[0], 0))
    if code // 100 not in (4, 5):
        raise ValueError("a refusal has a code from 400 to 559 and an enhanced status code that begins with 4 or 5")
    refusal = reply(code, enhanced or f"{code // 100}.7.1", found["text"] or _DEFAULT_TEXT)
    if refusal.closes:
        raise ValueError(f"{code} ends the session for every recipient; 450 defers this one")
    return refusal
