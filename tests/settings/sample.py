"""Settings of every shape, for tests of what is done with any."""

import attrs

from twistedmx.setting import at_least, setting


def _no_hunter(instance, attribute, value):
    if "hunter" in value:
        raise ValueError(f"must be another, is {value!r}")


@attrs.frozen(kw_only=True)
class One:
    """Settings `[one]`."""

    size: int = setting(10_000, unit="octets", why="How large.", precedent="Postfix | others")
    word: str = setting("", unit="", why="What it is called.", restart=True)

    def __attrs_post_init__(self):
        if (self.size, self.word) == (7, "seven"):
            raise ValueError("the size is the word")


@attrs.frozen(kw_only=True)
class Many:
    """Settings `[[many]]`."""

    url: str = setting(attrs.NOTHING, unit="", why="Where to ask.", validator=_no_hunter)
    least: int = setting(1, unit="", why="From.", validator=at_least(1))
    most: int = setting(9, unit="", why="To.")
    shares: tuple[float, ...] = setting((0.5,), unit="", why="Of each.")

    def __attrs_post_init__(self):
        if self.least > self.most:
            raise ValueError("least is more than most")


@attrs.frozen(kw_only=True)
class Sample:
    """All of them."""

    pin: str = setting("", unit="", why="Who knows it may come in.", secret=True, validator=_no_hunter)
    open: bool = setting(False, unit="", why="Is it?")
    top: float = setting(0.5, unit="seconds", why="So long.")
    names: tuple[str, ...] = setting(attrs.Factory(tuple), unit="names", why="Which.")
    one: One = attrs.Factory(One)
    many: tuple[Many, ...] = ()

    def __attrs_post_init__(self):
        if self.pin == "0000" and self.top == 1:
            raise ValueError("top needs another pin")
