"""Settings of a running server that are changed for a while: the command `set`.

Those of [governor] and of [load], and `backlog`: what one turns while a siege is on. They hold at once, as after a reload, until
the next reload or restart, which take what is written. No file is read or written.

Answers, as JSON can say it: {"settings": [{"key", "value", "written", "default", "unit", "why"}]}, or, of what was set, {"key",
"value", "before", "written", "unit"}.

BUGS: what is set while a reload is under way holds until that reload is done; its `changed` says so.
"""

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
from twisted.logger import Logger

from twistedmx.model.event import SettingsReloaded
from twistedmx.net.control import Refused
from twistedmx.service.places import let_wait
from twistedmx.settings import BadSettings, Settings, settings_from
from twistedmx.settings.listing import Entry, sections
from twistedmx.settings.written import written

if TYPE_CHECKING:
    from twistedmx.service.server import Server

SOURCE: Final = "set"  # of the event, in place of a file
_SECTIONS: Final = ("governor", "load")
_ALONE: Final = ("backlog",)
_log = Logger(namespace="twistedmx")


class Adjustable(Protocol):
    """Whose settings are changed. `settings`: those that hold; `written`: as the file has them."""

    @property
    def settings(self) -> Settings: ...

    @property
    def written(self) -> Settings: ...

    def hold(self, settings: Settings, key: str, value: Any) -> None:
        """From now on these, as after a reload; `key` is what differs, of this `value`."""

    def tell(self, key: str) -> None:
        """It was."""


class _OfServer:
    """One process."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self.settings, self.written = server.parts.settings, server.parts.written

    def hold(self, settings: Settings, key: str, value: Any) -> None:
        server = self._server
        self.settings = settings
        server.parts = attrs.evolve(server.parts, settings=settings)
        server.lasting.configure(settings)
        server.factory.door.configure(settings.governor)
        let_wait(server.listening, settings.backlog)

    def tell(self, key: str) -> None:
        lasting = self._server.lasting
        lasting.events.tell(SettingsReloaded(at=lasting.world.now(), source=SOURCE, changed=(key,)))


def adjust(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """As `adjusted_by`, of a server."""
    return adjusted_by(_OfServer(server), arguments)


def adjusted_by(whose: Adjustable, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What can be set, of {} or {"key": one of them}; what was set, of {"key", "value"}: a value as in JSON. Raises Refused: then
    nothing has changed."""
    key = arguments.get("key")
    if key is None and "value" not in arguments:
        return {"settings": [_told(whose, one) for one in _adjustable(whose.settings)]}
    entry = _entry(whose.settings, key)
    if "value" not in arguments:
        return {"settings": [_told(whose, entry)]}
    settings = adjusted(whose.settings, entry.key, arguments["value"])
    now = _entry(settings, entry.key)
    if settings != whose.settings:
        whose.hold(settings, now.key, arguments["value"])
        if arguments.get("told"):  # by whom this process works for
            return {}
        _log.info(
            "{key} = {value}, was {before}: set until the next reload or restart",
            key=now.key,
            value=written(now.value),
            before=written(entry.value),
        )
        whose.tell(now.key)
    told = _told(whose, now)
    return {"key": now.key, "value": now.value, "before": entry.value, "written": told["written"], "unit": now.unit}


def adjusted(settings: Settings, key: str, value: Any) -> Settings:
    """The same with another `value`, as TOML and JSON have it, of a key that can be set. Raises Refused with what was expected."""
    section, _, name = key.rpartition(".")
    document = {section: {**_document(getattr(settings, section)), name: value}} if section else {name: value}
    try:
        read = settings_from(document, SOURCE)
    except BadSettings as error:
        raise Refused("\n".join(fault.removeprefix(f"{SOURCE}: ") for fault in error.faults)) from None
    top = section or name
    return attrs.evolve(settings, **{top: getattr(read, top)})


def _document(section: Any) -> dict[str, Any]:
    """As TOML gives it."""
    told = attrs.asdict(section)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


def _told(whose: Adjustable, entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "value": entry.value,
        "written": _entry(whose.written, entry.key).value,
        "default": entry.default,
        "unit": entry.unit,
        "why": entry.why,
    }


def _entries(settings: Settings) -> list[Entry]:
    return [entry for section in sections(settings) for entry in section.entries]


def _adjustable(settings: Settings) -> list[Entry]:
    """In the order of a file."""
    return [one for one in _entries(settings) if one.key in _ALONE or one.key.partition(".")[0] in _SECTIONS]


def _entry(settings: Settings, key: Any) -> Entry:
    """Raises Refused where it is none that can be set, with what may have been meant."""
    adjustable = {entry.key: entry for entry in _adjustable(settings)}
    found = adjustable.get(key) if isinstance(key, str) else None
    if found is not None:
        return found
    if not isinstance(key, str):
        raise Refused(f"key: {key!r} is no key; write one as governor.floor")
    for entry in _entries(settings):
        if entry.key == key:
            remedy = "restart the server" if entry.restart else "twistedmx reload"
            raise Refused(f"{key}: cannot be set while the server runs: write it into its settings, then {remedy}")
    meant = [one for one in adjustable if one.endswith(f".{key}")]
    meant = meant or difflib.get_close_matches(key, adjustable, 1)
    words = f"did you mean {' or '.join(meant)}?" if meant else "twistedmx set shows those that there are"
    raise Refused(f"{key}: no such setting that can be set; {words}")
