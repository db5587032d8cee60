"""Guesses, names of hosts, and messages. All that is guessed ends in digits or letters of chance, so that nobody has it.

BUGS: a mailbox whose name is guessed after all makes the drill fail: 36^6 to one against it.
"""

from random import Random
from string import ascii_lowercase, digits
from typing import Final

from twistedmx.drill.hosts import Host

_WORDS: Final = (
    *("ab", "joe", "ann", "bob", "sam", "max", "eva", "tom", "info", "sales", "admin", "office", "contact", "support"),
    *("peter", "maria", "laura", "david", "susan", "news", "shop", "mail", "team", "hr", "it", "job", "list", "root"),
)
_SIGNS: Final = ascii_lowercase + digits
_MEANINGLESS: Final = "etaoin shrdlu cmfwyp vbgkjq xz "
_POOLS: Final = ("dialup", "dsl", "cable", "ppp", "hcm-ms", "adsl-pool", "dyn")


def guess(chance: Random, domain: bytes) -> bytes:
    """A word and what guessers put behind it: an address that nobody has."""
    return f"{chance.choice(_WORDS)}{_few(chance, 6)}".encode() + b"@" + domain


def random_string(chance: Random, domain: bytes) -> bytes:
    """An address as bots make them up."""
    return _few(chance, chance.randint(9, 16)).encode() + b"@" + domain


def never_existed(chance: Random, domain: str) -> str:
    """An address that looks as if somebody had once had it."""
    return f"{chance.choice(_WORDS)}.{_few(chance, 8)}@{domain}"


def reverse_name(host: Host) -> bytes:
    """As the network of a home machine names it: `dsl-127-4-0-1.example.net`."""
    return f"{_POOLS[host.number % len(_POOLS)]}-{host.address.replace('.', '-')}.example.net".encode()


def server_name(host: Host) -> bytes:
    """Of a mail server."""
    return f"mx.company-{host.number}.example.com".encode()


def meaningless(chance: Random) -> bytes:
    """A message as those that got through in siege 2."""
    lines = ["".join(chance.choices(_MEANINGLESS, k=60)) for _ in range(10)]
    return "\r\n".join(["Subject: ", "", *lines, ""]).encode()


def message(siege: int, number: int, sender: bytes, to: bytes) -> bytes:
    """A legitimate one, of some 2 KiB, that its reader can find again by its subject."""
    body = "This message was sent by twistedmx drill, which is beside an attack that was ordered. Delete it at will."
    head = [
        f"From: <{sender.decode()}>",
        f"To: <{to.decode()}>",
        f"Subject: twistedmx drill {siege}, message {number}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
    ]
    return "\r\n".join([*head, "", *[body] * 18, ""]).encode()


def bounce(siege: int, number: int, host: Host, to: bytes) -> bytes:
    """A genuine one: mail of our user could not be delivered there (RFC 3464)."""
    edge = "edge-of-a-part"
    return "\r\n".join(
        [
            f"From: Mail Delivery System <MAILER-DAEMON@{server_name(host).decode()}>",
            f"To: <{to.decode()}>",
            f"Subject: twistedmx drill {siege}, bounce {number}",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/report; report-type=delivery-status; boundary="{edge}"',
            "",
            f"--{edge}",
            "",
            "Your message could not be delivered.",
            f"--{edge}",
            "Content-Type: message/delivery-status",
            "",
            f"Reporting-MTA: dns; {server_name(host).decode()}",
            "",
            "Final-Recipient: rfc822; nobody@example.com",
            "Action: failed",
            "Status: 5.1.1",
            f"--{edge}--",
            "",
        ]
    ).encode()


def _few(chance: Random, count: int) -> str:
    return "".join(chance.choices(_SIGNS, k=count))
