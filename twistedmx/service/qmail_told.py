"""What `twistedmx status` tells of a qmail host, as JSON can say it."""

from typing import Any

from twistedmx.net.handed_over import HandOverPort
from twistedmx.qmail.control import BadControls, Controls
from twistedmx.qmail.control_files import ControlFiles
from twistedmx.qmail.settings import QmailSettings
from twistedmx.service.qmail_found import delivers_itself


def controls_of(home: str) -> Controls | None:
    """As they are now; None where they cannot be read."""
    try:
        return ControlFiles(home, lambda: 0.0).current()
    except BadControls:
        return None


def host_of(settings: QmailSettings, port: HandOverPort | None) -> dict[str, Any]:
    """What it is. `port`: where connections are handed over; None: nowhere."""
    told: dict[str, Any] = {
        "home": settings.home,
        "dialect": settings.dialect,
        "tree": settings.tree,
        "delivery": "own" if delivers_itself(settings) else "queue",
    }
    if port is not None:
        told["handed_over"] = {"refused": port.refused, "log_lines_lost": port.sinks.lost}
    return told


def limits_of(settings: QmailSettings) -> dict[str, int]:
    """What control files say in place of `[limits]`, by its names; for some connections rules say otherwise again."""
    controls = controls_of(settings.home)
    if controls is None:
        return {}
    recipients = controls.maxrcpt or controls.maxrecipients
    return {"size": controls.databytes or settings.largest} | ({"recipients": recipients} if recipients else {})
