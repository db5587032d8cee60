"""One of each event, for the tests of whatever is made from events."""

from ipaddress import ip_network

import attrs

from twistedmx.model.allowance import Allowance
from twistedmx.model.attack import Attack, Flood, Pressure
from twistedmx.model.auth_event import Authenticated, AuthenticationFailed
from twistedmx.model.block import Block
from twistedmx.model.envelope import Envelope, Recipient, Refused
from twistedmx.model.event import (
    AttackBegan,
    AttackEnded,
    BackendFailed,
    BackendRecovered,
    CommandRefused,
    FloodBegan,
    FloodEnded,
    FloodGoesOn,
    MailboxesKept,
    MailboxesLoaded,
    NobodyAccepted,
    PolicyFailed,
    PolicyRefused,
    SessionEnded,
    SessionOpened,
    SettingsKept,
    SettingsReloaded,
    SubscriberDropped,
    TlsEstablished,
    TransactionEnded,
    VerdictInShadow,
)
from twistedmx.model.governor_event import LimitMoved, NewcomersRefused
from twistedmx.model.network_event import (
    NetworkAllowed,
    NetworkBlocked,
    NetworkNoLongerAllowed,
    NetworkUnblocked,
    NetworkWouldBeBlocked,
)
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.smtp import codes
from twistedmx.smtp.path import parse_path

AT = 1_800_000_000.125
PEER = Peer(address="192.0.2.7", port=1024)
TLS = Tls(protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", server_name="mx.example.org")
UNKNOWN = verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)
REFUSED = Refused(count=1, runs=((UNKNOWN, (b"nobody@example.org",)),))
OPENED = SessionOpened(at=AT, session="0123456789", peer=PEER)
SECURED = TlsEstablished(at=AT, session="0123456789", peer=PEER, tls=TLS)
TRANSACTION = TransactionEnded(
    at=AT,
    session="0123456789",
    queue_id="0123456789.1",
    peer=PEER,
    helo="client.example",
    tls=TLS,
    envelope=Envelope(
        reverse_path=parse_path(b"a@client.example"),
        recipients=tuple(
            Recipient(path=parse_path(each), verdict=ACCEPTED) for each in (b"demo@example.org", b"ann@example.org")
        ),
    ),
    refused=REFUSED,
    verdict=verdict(codes.accepted("0123456789.1"), Reason.ACCEPTED),
    reason=Reason.ACCEPTED,
    octets=1234,
    seconds=0.12345,
    detail="/mail/x/new/1",
)
GIVEN_UP = attrs.evolve(TRANSACTION, verdict=None, reason=Reason.LOST, refused=Refused(), octets=0, detail="")
DISK_FULL = attrs.evolve(
    TRANSACTION, verdict=verdict(codes.NO_SPACE, Reason.DISK_FULL), reason=Reason.DISK_FULL, detail="/mail: full"
)
NOBODY = NobodyAccepted(
    at=AT,
    session="0123456789",
    peer=PEER,
    helo="client.example",
    tls=None,
    transactions=2,
    reverse_paths=(parse_path(b"a@client.example"), parse_path(b"")),
    refused=REFUSED,
)
BLOCK = Block(
    id="7KW3PQ2N",
    network=ip_network("192.0.2.0/24"),
    reason="bad-recipients",
    evidence="guesses names",
    origin="operator",
    since=AT,
    expiry=AT + 3600,
    relapse=1,
)
BLOCKED = NetworkBlocked(at=AT, block=BLOCK)
UNBLOCKED = NetworkUnblocked(at=AT, block=attrs.evolve(BLOCK, expiry=None))
WOULD_BE_BLOCKED = NetworkWouldBeBlocked(
    at=AT, network=BLOCK.network, reason="bad-hosts", evidence="5 hosts", origin="conduct"
)
ALLOWANCE = Allowance(network=ip_network("192.0.2.0/24"), evidence="a partner", since=AT, expiry=AT + 3600)
ALLOWED = NetworkAllowed(at=AT, allowance=ALLOWANCE)
NO_LONGER_ALLOWED = NetworkNoLongerAllowed(at=AT, allowance=attrs.evolve(ALLOWANCE, expiry=None), expired=False)
SESSION = SessionEnded(
    at=AT,
    session="0123456789",
    peer=PEER,
    helo="client.example",
    tls=None,
    reason=Reason.QUIT,
    seconds=1.5,
    commands=6,
    transactions=1,
    messages=1,
    refused_recipients=1,
    errors=1,
)
COMMAND_REFUSED = CommandRefused(
    at=AT,
    session="0123456789",
    peer=PEER,
    helo="client.example",
    stage=Stage.MAIL,
    verdict=verdict(codes.NO_SPACE, Reason.DISK_FULL, "less than disk_reserve would be left"),
    reverse_path=parse_path(b"a@client.example"),
    count=2,
)
POLICY_REFUSED = PolicyRefused(
    at=AT,
    session="0123456789",
    peer=PEER,
    helo="mx.example.org",
    stage=Stage.HELO,
    policy="helo",
    verdict=verdict(codes.HELO_NOT_YOURS, Reason.BAD_HELO, "our own name"),
    reverse_path=parse_path(b"a@client.example"),
    recipient=parse_path(b"demo@example.org"),
    count=1,
)
IN_SHADOW = VerdictInShadow(
    at=AT,
    session="0123456789",
    peer=PEER,
    helo="",
    stage=Stage.CONNECT,
    policy="greeter",
    verdict=verdict(codes.NOT_CHECKED, Reason.CHECK_LATE, provisional=True),
    reverse_path=None,
    recipient=None,
    count=7,
)
POLICY_FAILED = PolicyFailed(
    at=AT, policy="greeter", stage=Stage.MAIL, reason=Reason.CHECK_FAILED, fault="KeyError: 'x'", count=2
)
AUTHENTICATED = Authenticated(
    at=AT,
    session="0123456789",
    peer=PEER,
    helo="client.example",
    tls=TLS,
    mechanism="PLAIN",
    user="ann@example.org",
)
NOT_AUTHENTICATED = AuthenticationFailed(
    at=AT,
    session="0123456789",
    peer=PEER,
    helo="client.example",
    tls=None,
    mechanism="CRAM-MD5",
    user='ann "@example.org',
    reason=Reason.BAD_PASSWORD,
    detail="ended with status 1",
)
LOADED = MailboxesLoaded(at=AT, source="/etc/boxes", addresses=3, seconds=0.0124)
KEPT = MailboxesKept(at=AT, source="/etc/boxes", fault="/etc/boxes: 3: what is this?")
FAILED = BackendFailed(at=AT, source="people", fault="connection refused")
RECOVERED = BackendRecovered(at=AT, source="people", seconds=61.0004)
RELOADED = SettingsReloaded(at=AT, source="/etc/mx.toml", changed=("limits.size", "log.format"))
SETTINGS_KEPT = SettingsKept(at=AT, source="/etc/mx.toml", faults=("host: is no name", "listen: in use"))
ATTACK_BEGAN = AttackBegan(at=AT, domain="example.org", pressure=Pressure(names=84, known=3, hosts=17))
ATTACK_ENDED = AttackEnded(
    at=AT,
    attack=Attack(
        domain="example.org",
        start=AT - 3600,
        end=AT - 300,
        peak=520,
        hosts=2044,
        names=9120,
        tries=12031,
        hung_up=((Reason.BAD_RECIPIENTS, 1203), (Reason.RSET_ABUSE, 40)),
        blocks=87,
        samples=("aaron@example.org", "abby@example.org"),
    ),
)
FLOOD_BEGAN = FloodBegan(at=AT, address="nobody@example.org", tries=61)
FLOOD_GOES_ON = FloodGoesOn(at=AT, address="nobody@example.org", tries=230, hosts=187)
FLOOD_ENDED = FloodEnded(
    at=AT,
    flood=Flood(address="nobody@example.org", start=AT - 3600, end=AT - 300, peak=260, tries=1204, hosts=611),
)
LIMIT_MOVED = LimitMoved(
    at=AT,
    before=140,
    limit=280,
    why="wanted",
    strangers=140,
    proven=3,
    waiting=61,
    load=0.31,
    lag=0.00102,
    free_memory=None,
)
REFUSED_NEWCOMERS = NewcomersRefused(
    at=AT, refused=(("host", 7), ("network", 0), ("strangers", 12), ("descriptors", 0)), displaced=14
)
DROPPED = SubscriberDropped(at=AT, subscriber="Counters", fault="KeyError: 1")

EVENTS = (
    OPENED,
    SECURED,
    TRANSACTION,
    GIVEN_UP,
    DISK_FULL,
    NOBODY,
    BLOCKED,
    UNBLOCKED,
    WOULD_BE_BLOCKED,
    ALLOWED,
    NO_LONGER_ALLOWED,
    SESSION,
    COMMAND_REFUSED,
    POLICY_REFUSED,
    IN_SHADOW,
    POLICY_FAILED,
    AUTHENTICATED,
    NOT_AUTHENTICATED,
    LOADED,
    KEPT,
    FAILED,
    RECOVERED,
    RELOADED,
    SETTINGS_KEPT,
    ATTACK_BEGAN,
    ATTACK_ENDED,
    FLOOD_BEGAN,
    FLOOD_GOES_ON,
    FLOOD_ENDED,
    LIMIT_MOVED,
    REFUSED_NEWCOMERS,
    DROPPED,
)
