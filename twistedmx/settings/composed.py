"""All settings of a server: its own, and the section of each room."""

from typing import Any, Final

import attrs

from twistedmx.delivery.acceptance import Writing
from twistedmx.mailbox.http import HttpSettings
from twistedmx.mailbox.keys import domain_keys
from twistedmx.mailbox.maildirs import MaildirsSettings
from twistedmx.mailbox.passwd import PasswdSettings
from twistedmx.mailbox.sql import SqlSettings
from twistedmx.net.balancer import BalancerSettings
from twistedmx.net.control import ControlSettings
from twistedmx.net.metrics import MetricsSettings
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import TlsSettings
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.handshakes import HandshakeSettings
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.policy.load import LoadSettings
from twistedmx.policy.policy_settings import PolicySettings
from twistedmx.policy.recipient import RecipientSettings
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.qmail.settings import QmailSettings
from twistedmx.report.log import LogSettings
from twistedmx.report.samples import SampleSettings
from twistedmx.report.trail import TrailSettings
from twistedmx.setting import at_least, setting
from twistedmx.store.database import StoreSettings

MOST_WORKERS: Final = 256


def _are_workers(instance: Any, attribute: Any, value: int | str) -> None:
    if value != "auto" and (not isinstance(value, int) or not 1 <= value <= MOST_WORKERS):
        raise ValueError(f'must be a number from 1 to {MOST_WORKERS}, or "auto", is {value!r}')


def _are_domains(instance: Any, attribute: Any, value: tuple[str, ...]) -> None:
    domain_keys(value)


@attrs.frozen(kw_only=True)
class MailboxSettings:
    """Settings `[mailboxes]`."""

    table: str = setting(
        "",
        unit="",
        why='File of addresses, text or ".toml" (docs/mailboxes.md); an edit is live at the next connection.',
        precedent="Postfix virtual_mailbox_maps, qmail validrcptto",
        path=True,
    )
    maildir: str = setting(
        "mail/{domain}/{local}",
        unit="",
        why="Where a mailbox has its Maildir, unless the table says otherwise; relative to `data`.",
        precedent="Dovecot mail_location",
    )
    postmaster: str = setting(
        "",
        unit="address",
        why="Who reads mail for a postmaster or abuse that has no entry; empty: a Maildir of its own for each domain.",
        precedent="Postfix 2bounce_notice_recipient, Exim system aliases",
    )
    case_sensitive: tuple[str, ...] = setting(
        (),
        unit="domains",
        why="Domains in which Ann and ann are two mailboxes (RFC 5321 2.4); in all others case makes no difference.",
        precedent="Exim caseful_local_part",
        validator=_are_domains,
    )
    maildirs: tuple[MaildirsSettings, ...] = setting(
        (), unit="", why="Mailboxes that are there because their folders are."
    )
    passwd: tuple[PasswdSettings, ...] = setting((), unit="", why="Mailboxes of the users of this system.")
    sql: tuple[SqlSettings, ...] = setting((), unit="", why="Mailboxes that a database knows.")
    http: tuple[HttpSettings, ...] = setting((), unit="", why="Mailboxes that a web service knows.")


@attrs.frozen(kw_only=True)
class Settings:
    """The top of the file, then a section for each room. Paths are absolute, or relative to the settings file."""

    host: str = setting(
        "",
        unit="",
        why="Our name in greeting, EHLO and Received; it should resolve to us. Empty: the name of the machine.",
        precedent="qmail control/me, Postfix myhostname",
    )
    data: str = setting(
        "twistedmx-data",
        unit="",
        why="Folder of all that the server writes.",
        precedent="Postfix data_directory",
        restart=True,
        path=True,
    )
    user: str = setting(
        "",
        unit="",
        why="System user that a server started as root becomes once its ports are bound; twistd --uid says otherwise.",
        precedent="Postfix mail_owner, OpenSMTPD _smtpd",
        restart=True,
    )
    workers: int | str = setting(
        1,
        unit="processes",
        why='Processes that serve; each host has one of them (docs/workers.md). "auto": one for each CPU that we may use.',
        precedent="nginx worker_processes",
        restart=True,
        validator=_are_workers,
    )
    listen: tuple[str, ...] = setting(
        ("tcp:2525:interface=127.0.0.1",),
        unit="Twisted endpoint strings",
        why="Where we listen in plain text, with STARTTLS: tcp:25; tcp6:25 takes IPv4 as well, on Linux as it comes.",
        precedent="Haraka listen",
    )
    listen_tls: tuple[str, ...] = setting(
        (),
        unit="Twisted endpoint strings",
        why="Where TLS comes first (implicit TLS, RFC 8314 3.3), with the certificate of [tls].",
        precedent="Postfix smtpd_tls_wrappermode",
    )
    backlog: int = setting(
        1024,
        unit="connections",
        why="So many may wait to be accepted, at systemd's sockets too, unless an endpoint says backlog=; the kernel: somaxconn.",
        precedent="nginx 511; Twisted 50",
        validator=at_least(1),
    )
    bare_newline_from: tuple[str, ...] = setting(
        (),
        unit="networks",
        why="Peers whose messages may have bare CR and LF (RFC 5321 2.3.8 forbids them); CRLF.CRLF alone ends them still.",
        precedent="Postfix smtpd_forbid_bare_newline_exclusions",
    )
    disk_reserve: int = setting(
        67_108_864,
        unit="octets",
        why="A message that would leave less than this free on the disk is answered 452 4.3.1.",
        precedent="Postfix queue_minfree 1.5 times the message size limit",
        validator=at_least(0),
    )
    mailboxes: MailboxSettings = attrs.Factory(MailboxSettings)
    limits: LimitSettings = attrs.Factory(LimitSettings)
    conduct: ConductSettings = attrs.Factory(ConductSettings)
    load: LoadSettings = attrs.Factory(LoadSettings)
    governor: GovernorSettings = attrs.Factory(GovernorSettings)
    blocklist: BlocklistSettings = attrs.Factory(BlocklistSettings)
    reputation: ReputationSettings = attrs.Factory(ReputationSettings)
    attacks: AttackSettings = attrs.Factory(AttackSettings)
    store: StoreSettings = attrs.Factory(StoreSettings)
    timeouts: Timeouts = attrs.Factory(Timeouts)
    tls: TlsSettings = attrs.Factory(TlsSettings)
    handshakes: HandshakeSettings = attrs.Factory(HandshakeSettings)
    balancer: BalancerSettings = attrs.Factory(BalancerSettings)
    recipients: RecipientSettings = attrs.Factory(RecipientSettings)
    policies: tuple[PolicySettings, ...] = setting(
        (),
        unit="",
        why="Policies that are asked, the first one first; none by itself. What they may say: docs/policies.md.",
    )
    qmail: QmailSettings = attrs.Factory(QmailSettings)
    writing: Writing = attrs.Factory(Writing)
    metrics: MetricsSettings = attrs.Factory(MetricsSettings)
    control: ControlSettings = attrs.Factory(ControlSettings)
    log: LogSettings = attrs.Factory(LogSettings)
    trail: TrailSettings = attrs.Factory(TrailSettings)
    samples: SampleSettings = attrs.Factory(SampleSettings)
