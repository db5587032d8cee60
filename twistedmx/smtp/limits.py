"""The limits of a session. Each has a name, a unit, a default, a reason and a precedent (RFC 5321 4.5.3.1)."""

import attrs

from twistedmx.setting import at_least, setting


@attrs.frozen(kw_only=True)
class SteadyLimits:
    """Those settings `[limits]` that are the same whatever happens."""

    command_line: int = setting(
        2048,
        unit="octets",
        why="A longer command line is answered 500 and skipped; RFC 5321 4.5.3.1.4 asks for 512, its extensions for more.",
        precedent="Postfix line_length_limit 2048",
        validator=at_least(512),
    )
    text_line: int = setting(
        0,
        unit="octets",
        why="A message with a longer line (CRLF counted) is refused; 0 = any length: memory does not grow with it.",
        precedent="Postfix takes any length; Exim's default configuration refuses above 998",
        validator=at_least(0),
    )
    recipients: int = setting(
        100,
        unit="recipients",
        why="More in one transaction are answered 452 4.5.3; announced as LIMITS RCPTMAX (RFC 9422).",
        precedent="RFC 5321 4.5.3.1.8 and Stalwart 100; Postfix 1000",
        validator=at_least(1),
    )
    recipients_overshoot: int = setting(
        1000,
        unit="recipients",
        why="So many beyond `recipients` hear 452 in one transaction; at the next one the session ends with 421.",
        precedent="Postfix smtpd_recipient_overshoot_limit 1000",
        validator=at_least(0),
    )
    null_sender_recipients: int = setting(
        1,
        unit="recipients",
        why="A bounce has one recipient; the rest of a list sent from <> hears 452 4.5.3 and comes in a transaction of its own.",
        precedent="mox 1",
        validator=at_least(1),
    )
    size: int = setting(
        26_214_400,
        unit="octets",
        why="A longer message is refused, at MAIL where SIZE says so (RFC 1870), else after it; past twice this the session ends.",
        precedent="Haraka 25 MiB; Postfix 10 MB, Exim 50 MB",
        validator=at_least(65_536),
    )
    hops: int = setting(
        100,
        unit="Received fields",
        why="A message with this many has been going round in circles (RFC 5321 6.3).",
        precedent="qmail 100, Haraka 100; Postfix 50",
        validator=at_least(2),
    )


@attrs.frozen(kw_only=True)
class Limits(SteadyLimits):
    """All that hold for a session just now; another value takes their place when things get harder (policy.limit_settings).

    `errors`: so many 5yz replies, and the next command is answered 421. `idle_commands`: so many that serve no message, since the
    last one. `messages`: so many were accepted, and the next MAIL is answered 421.
    """

    errors: int = 20
    idle_commands: int = 100
    messages: int = 1000
