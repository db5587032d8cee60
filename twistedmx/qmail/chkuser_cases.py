"""How a check of chkuser ends: the closed list, what the client hears in each case, and what the log says.

The texts are those of chkuser 2.0.9 (chkuser_settings.h, chkuser.c), octet for octet: clients and readers of logs match on them.
Adding a case touches this file and the manual's table.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twistedmx.smtp.reply import Reply, reply


class Case(enum.Enum):
    """A row. Of recipients, then of senders; a threshold has no reply, but a line of the log."""

    __hash__ = object.__hash__  # by identity: looked up for every RCPT

    ACCEPTED = "accepted"
    ACCEPTED_ANY = "accepted-any"  # nothing is checked
    ACCEPTED_ANY_OF_DOMAIN = "accepted-any-of-domain"  # it has a catch-all
    RELAYED = "relayed"
    NO_MAILBOX = "no-mailbox"
    NO_RESOURCE = "no-resource"  # could not tell
    OVER_QUOTA = "over-quota"
    TOO_MANY = "too-many"  # rcpt_limit is reached
    INTRUSION = "intrusion"  # behind a threshold
    NO_DOMAIN = "no-domain"
    RCPT_FORMAT = "rcpt-format"
    RCPT_MX = "rcpt-mx"
    RCPT_DNS = "rcpt-dns"
    NOT_RELAYED = "not-relayed"
    MUST_AUTH = "must-auth"

    SENDER_ACCEPTED = "sender-accepted"
    SENDER_UNCHECKED = "sender-unchecked"
    SENDER_NULL = "sender-null"
    SENDER_DOUBLE_BOUNCE = "sender-double-bounce"
    SENDER_FORMAT = "sender-format"
    SENDER_MX = "sender-mx"
    SENDER_DNS = "sender-dns"
    SENDER_MUST_AUTH = "sender-must-auth"

    RCPT_THRESHOLD = "rcpt-threshold"
    WRONG_RCPT_THRESHOLD = "wrong-rcpt-threshold"


_OK: Final = reply(250, "", "ok")
_DNS: Final = reply(451, "4.4.0", "DNS temporary failure (chkuser)")
_MUST_AUTH: Final = reply(530, "5.7.0", "Authentication required (chkuser)")

REPLIES: Final[Mapping[Case, Reply]] = MappingProxyType(
    {
        Case.ACCEPTED: _OK,
        Case.ACCEPTED_ANY: _OK,
        Case.ACCEPTED_ANY_OF_DOMAIN: _OK,
        Case.RELAYED: _OK,
        Case.NO_MAILBOX: reply(550, "5.1.1", "sorry, no mailbox here by that name (chkuser)"),
        Case.NO_RESOURCE: reply(451, "4.3.0", "system temporary unavailable, try again later (chkuser)"),
        Case.OVER_QUOTA: reply(552, "5.2.2", "sorry, recipient mailbox is full (chkuser)"),
        Case.TOO_MANY: reply(
            550, "5.5.3", "sorry, reached maximum number of recipients allowed in one session (chkuser)"
        ),
        Case.INTRUSION: reply(550, "5.7.1", "sorry, you are violating our security policies (chkuser)"),
        Case.NO_DOMAIN: reply(550, "5.1.2", "sorry, you must specify a domain (chkuser)"),
        Case.RCPT_FORMAT: reply(553, "5.1.3", "sorry, rcpt syntax not allowed (chkuser)"),
        Case.RCPT_MX: reply(550, "5.1.2", "sorry, can't find a valid MX for rcpt domain (chkuser)"),
        Case.RCPT_DNS: _DNS,
        Case.NOT_RELAYED: reply(553, "5.7.1", "sorry, that domain isn't in my list of allowed rcpthosts (chkuser)"),
        Case.MUST_AUTH: _MUST_AUTH,
        Case.SENDER_ACCEPTED: _OK,
        Case.SENDER_UNCHECKED: _OK,
        Case.SENDER_NULL: _OK,
        Case.SENDER_DOUBLE_BOUNCE: _OK,
        Case.SENDER_FORMAT: reply(553, "5.1.7", "sorry, sender syntax not allowed (chkuser)"),
        Case.SENDER_MX: reply(550, "5.1.8", "sorry, can't find a valid MX for sender domain (chkuser)"),
        Case.SENDER_DNS: _DNS,
        Case.SENDER_MUST_AUTH: _MUST_AUTH,
    }
)

# Of each line of the log, its title and what stands behind the last colon. NO_DOMAIN has none in the original: it is told
# as a refusal here, for what is refused without a line is what operators look for.
LINES: Final[Mapping[Case, tuple[str, str]]] = MappingProxyType(
    {
        Case.ACCEPTED: ("accepted rcpt", "found existing recipient"),
        Case.ACCEPTED_ANY: ("accepted any rcpt", "accepted any recipient for any rcpt domain"),
        Case.ACCEPTED_ANY_OF_DOMAIN: ("accepted any rcpt", "accepted any recipient for this domain"),
        Case.RELAYED: ("relaying rcpt", "client allowed to relay"),
        Case.NO_MAILBOX: ("rejected rcpt", "not existing recipient"),
        Case.NO_RESOURCE: ("no auth resource", "no auth resource available"),
        Case.OVER_QUOTA: ("mbx overquota", "rcpt mailbox is overquota"),
        Case.TOO_MANY: ("rejected rcpt", "max number of recipients"),
        Case.INTRUSION: ("rejected intrusion", "rcpt ignored, session over intrusion threshold"),
        Case.NO_DOMAIN: ("rejected rcpt", "domain missing"),
        Case.RCPT_FORMAT: ("rejected rcpt", "invalid rcpt address format"),
        Case.RCPT_MX: ("rejected rcpt", "invalid rcpt MX domain"),
        Case.RCPT_DNS: ("rejected rcpt", "temporary DNS problem"),
        Case.NOT_RELAYED: ("rejected relaying", "client not allowed to relay"),
        Case.MUST_AUTH: ("must auth", "sender not authenticated/authorized"),
        Case.SENDER_ACCEPTED: ("accepted sender", "sender accepted"),
        Case.SENDER_UNCHECKED: ("accepted sender", "accepted any sender always"),
        Case.SENDER_NULL: ("accepted sender", "accepted null sender always"),
        Case.SENDER_DOUBLE_BOUNCE: ("accepted doublebounce", "accepted qmail doublebounce #@[]"),
        Case.SENDER_FORMAT: ("rejected sender", "invalid sender address format"),
        Case.SENDER_MX: ("rejected sender", "invalid sender MX domain"),
        Case.SENDER_DNS: ("rejected sender", "temporary DNS problem"),
        Case.SENDER_MUST_AUTH: ("must auth", "sender not authenticated/authorized"),
        Case.RCPT_THRESHOLD: ("intrusion threshold", "max number of allowed rcpt"),
        Case.WRONG_RCPT_THRESHOLD: ("intrusion threshold", "max number of allowed invalid rcpt"),
    }
)

# What wrong_rcpt_limit counts (chkuser.c): neither a bad format nor relaying.
WRONG: Final = frozenset({Case.NO_MAILBOX, Case.NO_DOMAIN})
# Late in any case; all other refusals where rcpt_delay_any or sender_delay_any says so.
LATE: Final = frozenset({Case.NO_MAILBOX, Case.TOO_MANY, Case.INTRUSION, Case.NO_DOMAIN})
# What brtlimit counts (qmail-smtpd.c of the patch set), beside badrcptto and validrcptto.
BAD_RECIPIENT: Final = frozenset(
    {Case.NO_MAILBOX, Case.NOT_RELAYED, Case.INTRUSION, Case.NO_DOMAIN, Case.RCPT_FORMAT, Case.RCPT_MX}
)
OF_SENDERS: Final = frozenset(case for case in Case if case.name.startswith("SENDER_"))
