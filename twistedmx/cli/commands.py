"""The table of commands. A new one is a file and a line here."""

from typing import Final

from twistedmx.cli.allow import ALLOW
from twistedmx.cli.attacks import ATTACKS
from twistedmx.cli.ban import BAN, UNBAN
from twistedmx.cli.check_config import CHECK_CONFIG
from twistedmx.cli.command import Command
from twistedmx.cli.drill import DRILL
from twistedmx.cli.history import HISTORY
from twistedmx.cli.list import LIST
from twistedmx.cli.rcpt import RCPT
from twistedmx.cli.reload import RELOAD
from twistedmx.cli.reputation import REPUTATION
from twistedmx.cli.samples import SAMPLES
from twistedmx.cli.set import SET
from twistedmx.cli.settings import SETTINGS
from twistedmx.cli.status import STATUS
from twistedmx.cli.upgrade import UPGRADE
from twistedmx.cli.why import WHY

COMMANDS: Final[tuple[Command, ...]] = (
    CHECK_CONFIG,
    SETTINGS,
    RCPT,
    STATUS,
    RELOAD,
    UPGRADE,
    SET,
    BAN,
    UNBAN,
    ALLOW,
    WHY,
    SAMPLES,
    LIST,
    ATTACKS,
    HISTORY,
    REPUTATION,
    DRILL,
)
