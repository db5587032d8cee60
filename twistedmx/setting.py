"""One setting: the field of an attrs class that an operator may write.

Each room owns an attrs class of its own settings; `twistedmx.settings` composes them. A field made here carries
what the manual says of it, so that the code and the manual cannot disagree. Standard library and attrs only: every
room may import this.
"""

from collections.abc import Callable
from typing import Any

import attrs


def setting(
    default: Any,
    *,
    unit: str,
    why: str,
    precedent: str = "",
    restart: bool = False,
    path: bool = False,
    secret: bool = False,
    validator: Callable[[Any, "attrs.Attribute[Any]", Any], Any] | None = None,
) -> Any:
    """A field with its manual entry.

    `default`: the value when nothing is written, or an `attrs.Factory`; `attrs.NOTHING` for what must be written in each
    table of an array. `unit`: what one of it is ("octets", "seconds", "recipients", "" for a word or a path). `why`: one
    sentence for the manual. `precedent`: who else uses this value, and under which name. `restart`: a running server cannot
    change it. `path`: a file or folder, or several; a relative one starts where the settings file is. `secret`: never shown,
    to nobody. `validator`: looks at the value alone (its instance is None when a file is read) and raises ValueError with
    words for the operator; what several settings together must be, the class says in `__attrs_post_init__`.
    """
    about = {
        "unit": unit,
        "why": why,
        "precedent": precedent,
        "restart": restart,
        "path": path,
        "secret": secret,
    }
    return attrs.field(default=default, validator=validator, metadata=about)


def at_least(least: float) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    """A validator: the value is `least` or more. Raises ValueError with words for the operator."""

    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value < least:
            raise ValueError(f"must be {least} or more, is {value}")

    return check
