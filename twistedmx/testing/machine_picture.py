"""Ten minutes of a machine under a governor, as an SVG: a siege, then another program that takes all CPUs for a while.

    python -m twistedmx.testing.machine_picture > docs/governor/model.svg

A test holds the file to what this draws.
"""

from random import Random
from typing import Final

from twistedmx.report.chart import Chart, axis_for
from twistedmx.testing.machine import Machine, Second, Strangers, steady

_SECONDS: Final = 600
_EACH: Final = 5  # seconds: a step of the picture
_SIEGE: Final = 60  # the bots come; at any other time there are few sessions
_HOG: Final = (240, 420)  # from and until
_HOGS: Final = 10.0
_CPUS: Final = 2
_BOTS, _FEW = 580.0, 14.0


def afternoon() -> list[Second]:
    """Siege 2, and what comes behind it."""
    machine = Machine(
        Strangers(task=0.0005, failing=0.9),
        lambda time: _BOTS if time >= _SIEGE else _FEW,
        cpus=_CPUS,
        hogs=lambda time: _HOGS if _HOG[0] <= time < _HOG[1] else 0.0,
        others=steady(0.3),
        chance=Random(1),
    )
    return machine.run(_SECONDS)


def picture() -> str:
    """The SVG."""
    seconds = afternoon()[_EACH - 1 :: _EACH]
    starts = range(0, _SECONDS, _EACH)
    left = axis_for(max(second.limit for second in seconds))
    right = axis_for(max(second.load for second in seconds), least=0.1, right=True).beside(left)
    left = left.beside(right)
    chart = Chart(
        "The limit of sessions, by the model",
        f"580 bots from 00:01 on; {_HOGS:.0f} busy processes of another program from 00:04 to 00:07; {_CPUS} CPUs",
        starts,
        _EACH,
        left,
        right,
    )
    chart.hill("sessions", 0, [float(second.sessions) for second in seconds])
    chart.line("limit", 2, [float(second.limit) for second in seconds], left)
    chart.line("load at present, each CPU", 1, [second.load for second in seconds], right)
    chart.line("load average of a minute", 7, [second.average for second in seconds], right)
    return chart.svg()


if __name__ == "__main__":
    print(picture(), end="")
