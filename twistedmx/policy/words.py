"""Words that the operator chooses for who has reached a limit."""

from typing import Any, Final

import attrs

from twistedmx.setting import setting
from twistedmx.smtp.reply import reply

_ID: Final = "{id}"
_LONGEST_ID: Final = "0" * 10


def _are_words(instance: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not value.isascii():
        raise ValueError("a reply line is printable ASCII")
    reply(421, "4.7.0", signed_with(value, _LONGEST_ID))


def spoken(default: str, why: str = "What is said then, in ASCII") -> Any:
    """A setting: one line of a reply."""
    return setting(
        default,
        unit="",
        why=f"{why}; {{id}} is the session's id, which `twistedmx why` takes.",
        precedent="Postfix smtpd_reject_footer",
        validator=_are_words,
    )


def spoken_at_the_door(default: str, why: str) -> Any:
    """The same, said where there is no session yet, and so no id."""
    return setting(default, unit="", why=f"{why}.", precedent="none", validator=_are_words)


def signed_with(text: str, session: str) -> str:
    """`text` as the session of this name hears it."""
    return text.replace(_ID, session)
