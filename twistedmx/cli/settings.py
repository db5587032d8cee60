"""`twistedmx settings`: every setting with its value, default, unit and reason, as a file that can be read back."""

import argparse
import os
from typing import Final

import attrs

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused

_EXAMPLE: Final = """\
$ twistedmx settings --changed
# /etc/twistedmx/twistedmx.toml

# Our name in greeting, EHLO and Received; it should resolve to us. Empty: the name of the machine.
# (Precedent: qmail control/me, Postfix myhostname.)
# Default "".
host = "mx.example.org\""""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="settings file, in place of --config")
    parser.add_argument("--changed", action="store_true", help="only those that are not the default")


def run(call: Call) -> Status:
    """Secrets are hidden. Where no file is named and none is at the usual place, these are the defaults."""
    from twistedmx.settings import BadSettings, Settings, read_settings  # loads Twisted
    from twistedmx.settings.listing import as_toml, only_changed, sections

    path = call.config
    if call.config_is_named or os.path.exists(path):
        try:
            settings = read_settings(path)
        except BadSettings as error:
            raise Refused(str(error)) from None
        title = path
    else:
        settings, title = Settings(), f"there is no {path}: these are the defaults"
    listed = list(sections(settings))
    if call.options.changed:
        listed = list(only_changed(listed))
    if call.options.json:
        entries = [attrs.asdict(entry) for section in listed for entry in section.entries]
        call.terminal.document({"file": path, "settings": entries})
        return Status.GOOD
    call.terminal.say(f"# {title}")
    text = as_toml(listed)
    for line in ["", *text.split("\n")] if text else []:
        call.terminal.say(line)
    return Status.GOOD


SETTINGS: Final = Command(
    name="settings",
    what="every setting with its value, default, unit and reason",
    about="Prints a settings file with all that FILE does not say beside what it says. Secrets are hidden.",
    example=_EXAMPLE,
    options=_options,
    run=run,
)
