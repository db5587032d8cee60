"""`twistedmx set`: some settings of the running server, changed until its next reload or restart."""

import argparse
import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused

_EXAMPLE: Final = """\
$ twistedmx set governor.floor 80
governor.floor = 80, was 100; until the next reload or restart, for 100 is written"""

_NAME: Final = "value"
_STARTS: Final = ('"', "'", "[", "{")  # what is meant as TOML; all else that is none is words


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", nargs="?", metavar="KEY", help="as twistedmx settings has it: governor.floor")
    parser.add_argument(
        "value", nargs="?", metavar="VALUE", help="as in a settings file; quotes around words may be left out"
    )


def run(call: Call) -> Status:
    """What can be set and how it is; or what was set, and what it was."""
    options = call.options
    arguments = {} if options.key is None else {"key": options.key}
    if options.value is not None:
        arguments["value"] = value_of(options.value, options.key)
    answer = call.ask("set", arguments)
    if call.options.json:
        call.terminal.document(answer)
        return Status.GOOD
    told: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    for line in _page(told.get("settings") or ()) if options.value is None else [_was_set(told)]:
        call.terminal.say(line)
    return Status.GOOD


def value_of(text: str, key: str) -> Any:
    """What TOML says, or a string where it is none of TOML and does not look as if it were meant to be. Raises Refused with the
    `key`."""
    try:
        document = tomllib.loads(f"{_NAME} = {text}")
    except (ValueError, RecursionError) as error:
        if text.strip() and not text.strip().startswith(_STARTS):
            return text
        raise Refused(
            f"{key}: {text!r} is not TOML: {error}; write 80, 0.25, true, a word, or [0.2, 0.4, 0.6]"
        ) from None
    value = document.pop(_NAME, None)
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        value = None
    if document or value is None:
        raise Refused(f"{key}: {text!r} is no value of a setting; write 80, 0.25, true, a word, or [0.2, 0.4, 0.6]")
    return value


def _page(settings: Any) -> Iterator[str]:
    """As a settings file would have it, with the unit, and what is written where that is not the same."""
    for setting in settings:
        value, written = _shown(setting.get("value")), _shown(setting.get("written"))
        words = ["as written" if value == written else f"written: {written}", *filter(None, [setting.get("unit")])]
        yield f"{setting.get('key')} = {value}  # {'; '.join(words)}"


def _was_set(told: Mapping[str, Any]) -> str:
    value, before, written = (_shown(told.get(name)) for name in ("value", "before", "written"))
    was = "as before" if value == before else f"was {before}"
    until = "as written" if value == written else f"until the next reload or restart, for {written} is written"
    return f"{told.get('key')} = {value}, {was}; {until}"


def _shown(value: Any) -> str:
    """As TOML has it: of a string, a number, true or false, and a list of these, JSON is the same."""
    return json.dumps(value, ensure_ascii=False)


SET: Final = Command(
    name="set",
    what="change a setting of the running server until its next reload or restart",
    about=(
        "Of [governor], of [load], and backlog. Without a KEY: what can be set, and how it is; without a VALUE: that one.\n"
        "It holds at once. A key or a value with a fault is refused, and nothing has changed: status 1."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
