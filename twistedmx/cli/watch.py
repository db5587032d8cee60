"""`twistedmx status --watch`: the server is asked again and again, until Ctrl-C.

On a terminal a chart is redrawn in place; elsewhere each answer is a line; with --json it is a document on a line, whole.

BUGS: where a terminal becomes narrower than the lines that stand there, what was drawn last stays above.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from twistedmx.cli.chart import ASCII, BLOCKS, Look, chart
from twistedmx.cli.command import Status
from twistedmx.cli.governor import load_of, number_waiting, why
from twistedmx.cli.terminal import Terminal
from twistedmx.cli.times import moment
from twistedmx.cli.world import World

_HEIGHT: Final = 8  # lines, of what is drawn of sessions
_BESIDE: Final = 4  # lines: the words, waiting, load, and where the cursor is
_KEPT: Final = 1000  # looks: no terminal is as wide


def watch(ask: Callable[[], Any], terminal: Terminal, world: World, *, interval: float, as_json: bool) -> Status:
    """Ask each `interval` seconds. Ends well with Ctrl-C; raises what `ask` does when the server is there no more."""
    show = terminal.record if as_json else _Screen(terminal, world).show
    due = world.seconds()
    try:
        while True:
            answer = ask()
            try:
                show(answer)
            except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
                terminal.complain(
                    "twistedmx status: the server tells of no governor that we know; see twistedmx status --watch --json"
                )
                return Status.UNABLE
            due = max(due + interval, world.seconds())
            world.sleep(max(due - world.seconds(), 0.0))
    except KeyboardInterrupt:
        return Status.GOOD


class _Screen:
    def __init__(self, terminal: Terminal, world: World) -> None:
        self._terminal = terminal
        self._size = world.size
        self._marks = BLOCKS if terminal.can_write(BLOCKS.levels + BLOCKS.limit + BLOCKS.both) else ASCII
        self._draws = terminal.stdout.isatty() and world.environment.get("TERM") != "dumb"
        self._looks: deque[Look] = deque(maxlen=_KEPT)
        self._drawn = 0

    def show(self, status: Mapping[str, Any]) -> None:
        """Raises what comes of another shape."""
        look = _look(status)
        if not self._draws:
            self._terminal.redraw([look.words], 0)
            return
        self._looks.append(look)
        width, height = self._size()
        lines = chart(list(self._looks), width, max(1, min(_HEIGHT, height - _BESIDE)), self._marks)
        self._terminal.redraw(lines, self._drawn)
        self._drawn = len(lines)


def _look(status: Mapping[str, Any]) -> Look:
    told = status["governor"]
    limit, strangers, waiting = int(told["limit"]), int(told["strangers"]), number_waiting(told)
    load, heard_out = told["vitals"]["load"], told.get("heard_out")  # an older server has none
    words = [
        moment(status["since"] + status["uptime"])[11:],  # the time of the day, by the server's clock
        f"  limit {limit}, strangers {strangers}{f' ({heard_out} heard out)' if heard_out else ''}, waiting {waiting}, "
        f"load {load_of(told)}; {why(told)}",
        "; limits under load HOLD" if told["under_load"] else "",
    ]
    return Look(
        words="".join(words),
        limit=limit,
        strangers=strangers,
        waiting=waiting,
        load=None if load is None else float(load),
    )
