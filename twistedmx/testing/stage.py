"""A whole server on fakes, with its clock, its mailboxes and its disk in the test's hand."""

import re
from collections.abc import Callable
from random import Random
from typing import Any

import attrs
from twisted.internet.task import Clock

from twistedmx.model.event import Event, TransactionEnded
from twistedmx.model.login import CouldNotTell
from twistedmx.model.mailbox import DISABLED, OVER_QUOTA, Lookup, Outcome
from twistedmx.model.storage import Failed, NoSpace
from twistedmx.net.server import ServerFactory
from twistedmx.net.tls import ServerTls
from twistedmx.net.wheel import Wheel
from twistedmx.policy.auth import Auth
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.chain import Chain
from twistedmx.policy.handshakes import Handshakes, HandshakeSettings
from twistedmx.policy.networks import network_of
from twistedmx.policy.policy_settings import entry_of, own_settings
from twistedmx.policy.posture import Alertness
from twistedmx.policy.recipient import RecipientStep
from twistedmx.policy.site import Site
from twistedmx.ports import Ports
from twistedmx.settings import Settings
from twistedmx.settings.networks import networks
from twistedmx.smtp.reply import reply
from twistedmx.testing.acceptance import FakeAcceptance
from twistedmx.testing.dialogue import words_of
from twistedmx.testing.mailboxes import FakeMailboxes, found
from twistedmx.testing.passwords import FakePasswords
from twistedmx.testing.policies import Scripted, fake_means

# The mailboxes of every dialogue.
MAILBOXES = {
    "demo@example.org": found("demo@example.org"),
    "ann@example.org": found("ann@example.org"),
    "both@example.org": found("demo@example.org", "ann@example.org"),
    '"a b"@example.org': found('"a b"@example.org'),
    "demo@[192.0.2.1]": found("demo@example.org"),
    "demo@[IPv6:2001:db8::1]": found("demo@example.org"),
    "jürgen@example.org": found("juergen@example.org"),
    "disabled@example.org": DISABLED,
    "full@example.org": OVER_QUOTA,
    "gone@example.org": Lookup(outcome=Outcome.REFUSED, reply=reply(550, "5.1.6", "Write to ann@example.org instead")),
    "@catch.example.org": found("demo@example.org"),
}
# The users of every dialogue, and their passwords.
USERS = {b"demo": b"secret", b"ann@example.org": b"open sesame"}
# What would not be seen in a file of dialogue: backslashes, spaces at the end of a line, whatever is not printable.
_unseen = re.compile(r"[^\n\x20-\x5b\x5d-\x7e]| (?=\n|\Z)")
CLIENT, CLIENT_OVER_LOOPBACK = "192.0.2.7", "127.0.0.1"  # of a dialogue; in memory, and over a real socket
_EPOCH = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
_DEMO_RESERVE = 1000


class _Pretended:
    """A ServerTls for transports that pretend the handshake."""

    def for_peer(self, address: str) -> Any:
        """Nothing that anybody looks at."""


class StageHandshakes(Handshakes):
    """Admits none while it is not `admitting`, and says who `asked`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(HandshakeSettings(), clock.seconds)
        self.admitting = True
        self.asked: list[str] = []

    def admit(self, address: str) -> bool:
        self.asked.append(address)
        return self.admitting and super().admit(address)


class StageAttacks:
    """The port Attacked: what is attacked is what a test says, in lower case."""

    def __init__(self) -> None:
        self.any = self.any_flooded = False
        self._domains: set[bytes] = set()
        self._addresses: set[bytes] = set()

    def attack(self, *domains: bytes) -> None:
        """These are under attack, and no others."""
        self._domains = set(domains)
        self.any = bool(domains)

    def flood(self, *addresses: bytes) -> None:
        """These are flooded, and no others."""
        self._addresses = set(addresses)
        self.any_flooded = bool(addresses)

    def under_attack(self, domain: bytes) -> bool:
        return domain in self._domains

    def is_flooded(self, address: bytes) -> bool:
        return address in self._addresses


class Stage:
    """A server built from `settings` on fakes.

    `tls`: a ServerTls, or None where transports pretend the handshake. `clock`: the test's. `mailboxes`, `acceptance`,
    `handshakes`, `attacks`: fakes. `alertness`: what limits go by; nobody has a good record. `blocklist`: empty. `policies`: those
    that the settings name. `passwords`: nobody is asked for any before an A: line says so. `events`: all told so far, `told`: the
    same in the words of dialogues. `factory`: makes sessions.
    """

    def __init__(
        self,
        settings: Settings,
        tls: ServerTls | None = None,
        *,
        starttls: bool = True,
    ) -> None:
        self._settings = settings
        self.clock = Clock()
        self.mailboxes = FakeMailboxes(MAILBOXES)
        self.acceptance = FakeAcceptance()
        self.handshakes = StageHandshakes(self.clock)
        self.attacks = StageAttacks()
        self.alertness = Alertness(attacks=self.attacks)
        self.events: list[Event] = []
        self.told: list[str] = []
        ports = Ports(
            clock=self.clock,
            now=lambda: _EPOCH + self.clock.seconds(),
            chance=Random(1),
            mailboxes=self.mailboxes,
            acceptance=self.acceptance,
            events=self,
        )
        means = fake_means(host=settings.host, clock=self.clock, now=ports.now)
        self.blocklist = Blocklist(attrs.evolve(settings.blocklist, loopback=True), ports.now, Random(1))
        self.policies = [entry.maker.make(own_settings(entry), means) for entry in settings.policies]
        entries = map(entry_of, settings.policies, self.policies)
        self.site = Site(
            host=settings.host,
            limits=settings.limits,
            conduct=settings.conduct,
            alertness=self.alertness,
            starttls=starttls,
            reserve=_DEMO_RESERVE,
            recipients=RecipientStep(self.mailboxes, self.clock, settings.recipients),
            ports=ports,
            chain=Chain(entries, clock=self.clock, now=ports.now, events=self) if settings.policies else None,
            blocklist=self.blocklist,
            handshakes=self.handshakes,
            tolerant=tuple(networks(settings.bare_newline_from)),
            sampled=settings.samples.sampled,
            proxy_from=tuple(networks(settings.balancer.proxy_from)),
            xclient_from=tuple(networks(settings.balancer.xclient_from)),
        )
        self.passwords = FakePasswords(USERS)
        self.wheel = Wheel(self.clock)
        self.factory = ServerFactory(
            site=self.site,
            timeouts=settings.timeouts,
            wheel=self.wheel,
            tls=tls or _Pretended(),  # type: ignore[arg-type]
            governor=settings.governor,
        )

    def tell(self, event: Event) -> None:
        """The port Events."""
        self.events.append(event)
        if isinstance(event, TransactionEnded) and event.verdict is not None and event.detail:
            for path, octets in self.acceptance.stored.items():
                if f" {path} " in f" {event.detail} ":  # a path may have spaces in it
                    self.told.append(_copy(path, octets))
        words = words_of(event)
        if words is not None:
            self.told.append(f"E: {words}")

    def wait(self, seconds: float) -> None:
        """Time passes, a second at a time, as it does for the wheel."""
        while seconds > 0:
            self.clock.advance(min(1.0, seconds))
            seconds -= 1.0

    def settle(self) -> None:
        """The turns that the server has put off."""
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)

    def act(self, words: str) -> None:
        """The world acts: an A: line. Raises KeyError for unknown words."""
        acts: dict[str, Callable[[], object]] = {
            "look-ups are late": lambda: setattr(self.mailboxes, "late", True),
            "look-ups are prompt": lambda: setattr(self.mailboxes, "late", False),
            "look-ups fail": lambda: setattr(self.mailboxes, "failure", OSError("the table is on fire")),
            "look-ups answer": self.mailboxes.answer_all,
            "policies answer": self._policies_answer,
            "passwords are asked for": lambda: self._ask_for_passwords(plain_text=True),
            "passwords are asked for under TLS": lambda: self._ask_for_passwords(plain_text=False),
            "passwords are late": lambda: setattr(self.passwords, "late", True),
            "passwords answer": self.passwords.answer_all,
            "passwords cannot be told": lambda: setattr(self.passwords, "outcome", CouldNotTell("exit status 111")),
            "disk is full": lambda: setattr(self.acceptance, "refusal", NoSpace(detail="ENOSPC")),
            "disk is broken": lambda: setattr(self.acceptance, "refusal", Failed(detail="EIO")),
            "disk is well": lambda: setattr(self.acceptance, "refusal", None),
            "disk is slow": lambda: setattr(self.acceptance, "hold", True),
            "disk answers": self.acceptance.release,
            "disk is behind": lambda: setattr(self.acceptance, "full", True),
            "disk catches up": self.acceptance.drain,
            "disk has 5000 octets": lambda: setattr(self.acceptance, "free", 5000),
            "server shuts down": self.factory.shut_down,
            "server stops in 10 seconds": lambda: self.factory.shut_down(10.0),
            "handshakes are too many": lambda: setattr(self.handshakes, "admitting", False),
            "198.51.100.9 is blocked": lambda: self._block("198.51.100.9"),
            "handshakes are few": lambda: setattr(self.handshakes, "admitting", True),
            "load is high": lambda: setattr(self.alertness, "under_load", True),
            "load is low": lambda: setattr(self.alertness, "under_load", False),
            "domain is under attack": lambda: self.attacks.attack(b"example.org"),
            "domain is left alone": self.attacks.attack,
            "address is flooded": lambda: self.attacks.flood(b"forged@example.org"),
            "host has a good record": lambda: setattr(self.alertness, "proven", lambda address: True),
            "host is blocked": lambda: self._block(CLIENT, CLIENT_OVER_LOOPBACK),
        }
        acts[words]()

    def _block(self, *addresses: str) -> None:
        """As the service does it: into the blocklist, and their sessions are hung up on."""
        for address in addresses:
            self.blocklist.block(network_of(address), reason="bad-recipients", evidence="", origin="conduct")
        self.factory.hang_up()

    def _ask_for_passwords(self, *, plain_text: bool) -> None:
        """Of those who come from now on."""
        self.site = attrs.evolve(self.site, auth=Auth(passwords=self.passwords, plain_text=plain_text))
        self.factory.site = self.site

    def _policies_answer(self) -> None:
        for policy in self.policies:
            if isinstance(policy, Scripted):
                policy.answer_all()


Staged = Callable[..., Stage]  # makes one, called as it is


def _copy(path: str, octets: bytes) -> str:
    """A D: line: the Maildir, and the content below our trace fields."""
    maildir = path.rsplit("/new/", 1)[0]
    content = _unseen.sub(_seen, octets.split(b"+0000\n", 1)[1].decode("utf-8", "surrogateescape"))
    lines = content.split("\n") if content else []
    if lines and not lines[-1]:
        lines.pop()
    elif lines:
        lines[-1] += "\\"  # no line end
    return "\n".join([f"D: {maildir}", *lines])


def _seen(character: re.Match[str]) -> str:
    """As a C: line would write it."""
    found = character[0]
    if found == "\\":
        return "\\\\"
    if found.isprintable() and found != " ":
        return found
    return "".join(f"\\x{octet:02x}" for octet in found.encode("utf-8", "surrogateescape"))
