"""How the program was started: the same words, in the same folder, start it again.

BUGS: Python's own options are kept where it knows them (`sys.orig_argv`); what a wrapper did before it started Python is not.
"""

import getopt
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import attrs

from twistedmx.service.succession.estate import VARIABLE

_NO_PIDFILE: Final = "--pidfile="
# What systemd said to the process that it started, and to no other. Where it listens for us, and how often, holds for who follows.
_FIRST_ALONE: Final = ("WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", VARIABLE)


@attrs.frozen(kw_only=True)
class StartWords:
    """`program`: Python. `words`: behind it, with a pid file of nobody's. `folder`: where we were. `faults`: why it cannot be
    started so. `foreground`: who started us waits for our end, and is not told of another process."""

    program: str
    words: tuple[str, ...] = ()
    folder: str = ""
    environment: Mapping[str, str] = attrs.Factory(dict)
    faults: tuple[str, ...] = ()
    foreground: bool = False


def start_words(
    twistd: MutableMapping[str, Any] | None, environment: Mapping[str, str], *, argv: list[str] | None = None
) -> StartWords:
    """Of this process, before twistd daemonises. `twistd`: its options; None: it is not twistd that runs. `argv`: Python with all
    words."""
    whole = list(sys.orig_argv) if argv is None else argv
    try:
        folder = os.getcwd()
    except OSError as error:
        return StartWords(
            program="", faults=(f"the folder of the start is gone: {error.strerror}; restart the server",)
        )
    words = _without_pidfile(twistd, whole[1:]) if twistd is not None else None
    if twistd is None or words is None:
        return StartWords(program="", faults=("the server was not started by twistd: restart it",))
    faults = [
        f"twistd --{option}: the next server cannot be started so: restart it"
        for option in ("chroot", "python", "profile", "debug")
        if twistd.get(option)
    ]
    return StartWords(
        program=sys.executable,
        words=tuple(words),
        folder=folder,
        environment={key: value for key, value in environment.items() if key not in _FIRST_ALONE},
        faults=tuple(faults),
        foreground=bool(twistd.get("nodaemon")) and not environment.get("NOTIFY_SOCKET"),
    )


def _without_pidfile(twistd: Any, words: list[str]) -> list[str] | None:
    """The words with an empty pid file before the name of our plugin, where twistd's own end: the last one counts. None: there is
    no such place."""
    own = sys.argv[1:]  # Python's own words, and the script's, come before
    if words[len(words) - len(own) :] != own:
        return None
    try:
        _, rest = getopt.getopt(own, twistd.shortOpt, twistd.longOpt)
    except (getopt.GetoptError, AttributeError):
        return None
    if not rest:
        return None
    at = len(words) - len(rest)
    if words[at - 1] == _NO_PIDFILE:  # of a successor they have it already
        return words
    return [*words[:at], _NO_PIDFILE, *words[at:]]
