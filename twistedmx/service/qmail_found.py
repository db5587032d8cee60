"""What of `[qmail]` can be, by what is found on the host: for the start, a reload and `check-config`."""

import os
from datetime import datetime

from twistedmx.qmail.control import BadControls
from twistedmx.qmail.control_files import ControlFiles
from twistedmx.qmail.queue_program import DEFAULT
from twistedmx.qmail.settings import QmailSettings
from twistedmx.service.world import World
from twistedmx.settings import Settings


def delivers_itself(settings: QmailSettings) -> bool:
    """Whether mail for local users is delivered here, and not handed to a queue."""
    if settings.delivery:
        return settings.delivery == "own"
    return not os.path.exists(os.path.join(settings.home, os.fsdecode(DEFAULT)))


def faults_of(settings: Settings, world: World) -> list[str]:
    """What of `[qmail]` cannot be: "key: what is wrong; what to do"."""
    qmail = settings.qmail
    if not qmail.home:
        return []
    if not os.path.isdir(os.path.join(qmail.home, "control")):
        return [f"qmail.home: {qmail.home}: has no folder control; write the folder of qmail, as /var/qmail"]
    faults = []
    if settings.workers != 1:
        faults.append("qmail.home: one process alone can serve a qmail host: write workers = 1")
    if settings.balancer.xclient_from and qmail.in_qmail_dialect:
        faults.append(
            'balancer.xclient_from: qmail-smtpd has no XCLIENT: write dialect = "twistedmx" into [qmail], or have the balancer '
            "speak PROXY, [balancer] proxy_from"
        )
    try:
        controls = ControlFiles(qmail.home, world.reactor.seconds).current()
    except BadControls as fault:
        return [*faults, f"qmail.home: {fault}"]
    if controls.rcpthosts is None and not qmail.open_relay:
        faults.append(
            f"qmail.home: {qmail.home}/control/rcpthosts is missing: qmail-smtpd would then send everybody's mail to everywhere. "
            "Write the domains that this host receives mail for into it, one a line; or say --allow-open-relay"
        )
    return faults


def has_certificate(settings: Settings) -> bool:
    """Whether the host has one, of its own."""
    home = settings.qmail.home
    return bool(home) and os.path.exists(os.path.join(home, "control", "servercert.pem"))


def local_offset(at: float) -> int:
    """Of local time from UTC, in seconds."""
    offset = datetime.fromtimestamp(at).astimezone().utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
