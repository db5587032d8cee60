"""Settings `[qmail]`: the qmail host whose qmail-smtpd we stand in for. All else is said by its control files (docs/qmail.md)."""

from typing import Any, Final

import attrs

from twistedmx.policy.mx import MxSettings
from twistedmx.qmail.chkuser_settings import ChkuserSettings
from twistedmx.qmail.local_terms import Limits
from twistedmx.qmail.program_places import ProgramSettings
from twistedmx.qmail.queue_settings import QueueSettings
from twistedmx.qmail.trees import TREES
from twistedmx.setting import at_least, setting

DIALECTS: Final = ("twistedmx", "qmail")
LISTS: Final = ("", "addresses", "patterns")
DELIVERIES: Final = ("", "queue", "own")
LINES: Final = ("stock", "labelled")


def _one_of(*words: str) -> Any:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in words:
            known = ", ".join(word or '""' for word in words)
            raise ValueError(f"must be one of {known}, is {value!r}")

    return check


@attrs.frozen(kw_only=True)
class QmailSettings:
    """Without `home` there is no qmail, and none of them is looked at."""

    home: str = setting(
        "",
        unit="",
        why="Folder of qmail, as /var/qmail: its control files, rules, users and queue are those of this server. Empty: none.",
        precedent="auto_qmail of qmail, /var/qmail",
        restart=True,
        path=True,
    )
    dialect: str = setting(
        "twistedmx",
        unit="",
        why='What peers hear: "twistedmx", with status codes and ids, or "qmail": the replies of qmail-smtpd, octet for octet.',
        precedent="none",
        restart=True,
        validator=_one_of(*DIALECTS),
    )
    tree: str = setting(
        "notqmail",
        unit="",
        why='Which qmail it was: "notqmail", "netqmail", or "sagredo" with its patches, as vpopmail hosts have it.',
        precedent="none",
        restart=True,
        validator=_one_of(*TREES),
    )
    badmailfrom: str = setting(
        "",
        unit="",
        why='What control/badmailfrom holds: "addresses", as qmail has it, or "patterns" (qregex). Empty: what the tree has.',
        precedent="none: the same file name has both meanings",
        restart=True,
        validator=_one_of(*LISTS),
    )
    mx_checks: str = setting(
        "",
        unit="",
        why='Whether chkuser asks the DNS for mail hosts, "on" or "off", as [qmail.chkuser] has it. Empty: as the tree does.',
        precedent="CHKUSER_SENDER_MX: off in stock 2.0.8, on in sagredo's tree",
        restart=True,
        validator=_one_of("", "on", "off"),
    )
    rules: str = setting(
        "",
        unit="",
        why="cdb of tcprules for `listen`, tcpserver's -x. Empty: control/tcp.smtp.cdb or /etc/tcp.smtp.cdb, where there is one.",
        precedent="tcpserver -x",
        restart=True,
        path=True,
    )
    open_relay: bool = setting(
        False,
        unit="",
        why="Whether a missing control/rcpthosts lets everybody send to everywhere, as in qmail; else it is not started.",
        precedent="qmail-smtpd: yes",
        restart=True,
    )
    largest: int = setting(
        268_435_456,
        unit="octets",
        why="A message may have so many where control/databytes and DATABYTES have no limit; a disk is not a peer's to fill.",
        precedent="qmail-smtpd: no limit; Postfix message_size_limit, 10240000",
        validator=at_least(65_536),
        restart=True,
    )
    delivery: str = setting(
        "",
        unit="",
        why='"queue": qmail-queue, or what QMAILQUEUE names, has each message; "own": it is delivered here, by users/assign and '
        ".qmail files. Empty: the queue, where there is bin/qmail-queue.",
        precedent="qmail-smtpd: queue",
        restart=True,
        validator=_one_of(*DELIVERIES),
    )
    lines: str = setting(
        "stock",
        unit="",
        why='How lines of CHKUSER look: "stock", or "labelled" as sagredo has them, with qlog lines; [log] format is "qmail" then.',
        precedent="chkuser 2.0.9, and as patched",
        restart=True,
        validator=_one_of(*LINES),
    )
    connections: str = setting(
        "tcpserver",
        unit="",
        why='How lines of connections look: "tcpserver", or "indimail", whose tcpserver has addresses in brackets.',
        precedent="ucspi-tcp 0.88; IndiMail's ucspi-tcp-x",
        restart=True,
        validator=_one_of("tcpserver", "indimail"),
    )
    check_program: tuple[str, ...] = setting(
        (),
        unit="words",
        why='Program that AUTH asks, and its arguments: ["/home/vpopmail/bin/vchkpw", "/bin/true"]. Empty: no AUTH.',
        precedent="arguments of a patched qmail-smtpd",
        restart=True,
    )
    socket: str = setting(
        "",
        unit="",
        why="Unix socket on which twistedmx-smtpd passes connections of tcpserver. Empty: there is none.",
        precedent="none",
        restart=True,
        path=True,
    )
    socket_users: tuple[str, ...] = setting(
        ("qmaild",),
        unit="system users",
        why="As whom twistedmx-smtpd may run, beside root and us: they say who may relay. Their programs run where ours do.",
        precedent="tcpserver -u",
        restart=True,
    )
    chkuser: ChkuserSettings = attrs.Factory(ChkuserSettings)
    mx: MxSettings = attrs.Factory(MxSettings)
    queue: QueueSettings = attrs.Factory(QueueSettings)
    local: Limits = attrs.Factory(Limits)
    programs: ProgramSettings = attrs.Factory(ProgramSettings)

    @property
    def in_qmail_dialect(self) -> bool:
        return self.dialect == "qmail"

    @property
    def chkuser_with_mx(self) -> ChkuserSettings:
        """Those of chkuser, without the look-ups that are off, and with what the tree says where they say nothing."""
        is_patched = TREES[self.tree].extends
        wanted = self.chkuser.domain_wanted or ("on" if is_patched else "off")
        settings = attrs.evolve(self.chkuser, domain_wanted=wanted)
        on = self.mx_checks == "on" if self.mx_checks else is_patched
        return settings if on else attrs.evolve(settings, sender_mx=False, rcpt_mx=False)

    @property
    def exact(self) -> bool:
        """Whether badmailfrom holds addresses."""
        if self.badmailfrom:
            return self.badmailfrom == "addresses"
        return not TREES[self.tree].lists_are_patterns
