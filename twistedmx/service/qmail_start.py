"""`twistd twistedmx --qmail DIR`: the server of a qmail host, with or without a settings file of our own.

Without one all is as the host has it: port 25, its control files, its queue; lines of the log as qmail's programs write them, on
standard output, where multilog reads them; and once the port is bound we become who tcpserver's -u became.
"""

import os
import pwd
from typing import Final

import attrs

from twistedmx.qmail.control import BadControls
from twistedmx.qmail.control_files import ControlFiles
from twistedmx.qmail.settings import QmailSettings
from twistedmx.report.log import LogSettings
from twistedmx.settings import Settings

DATA: Final = "/var/lib/twistedmx"
# Who may look up vpopmail's users, else who qmail-smtpd runs as.
_USERS: Final = ("vpopmail", "qmaild")


def of_host(home: str, data: str | None, *, open_relay: bool) -> Settings:
    """The settings of a host that has none of ours."""
    settings = Settings(
        data=os.path.abspath(data or DATA),
        user=_user(),
        listen=("tcp:25",),
        qmail=QmailSettings(home=os.path.abspath(home), open_relay=open_relay),
        log=LogSettings(to="stdout", format="qmail"),
    )
    return within_concurrency(settings)


def with_home(settings: Settings, home: str | None, *, open_relay: bool) -> Settings:
    """As the command line has it, where it says anything."""
    qmail = settings.qmail
    if home is not None:
        qmail = attrs.evolve(qmail, home=os.path.abspath(home))
    if open_relay:
        qmail = attrs.evolve(qmail, open_relay=True)
    return within_concurrency(settings if qmail is settings.qmail else attrs.evolve(settings, qmail=qmail))


def within_concurrency(settings: Settings) -> Settings:
    """With no more sessions than control/concurrencyincoming allows, which run scripts give to tcpserver's -c; unless `[governor]
    ceiling` says otherwise. Without a qmail host, or with controls that cannot be read, as they are."""
    qmail, governor = settings.qmail, settings.governor
    if not qmail.home or governor.ceiling:
        return settings
    try:
        most = ControlFiles(qmail.home, lambda: 0.0).current().concurrencyincoming
    except BadControls:
        return settings  # told with all faults
    return settings if not most else attrs.evolve(settings, governor=attrs.evolve(governor, ceiling=most))


def _user() -> str:
    for name in _USERS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return ""
