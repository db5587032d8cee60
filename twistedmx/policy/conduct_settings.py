"""Settings `[conduct]`: what a session may do wrong, in calm, under load and under attack, and what it hears then."""

from typing import Any, Final

import attrs

from twistedmx.model.verdict import Reason
from twistedmx.policy.posture import is_for_three_states
from twistedmx.policy.words import signed_with, spoken
from twistedmx.setting import at_least, setting

# The limits that have words, and may be in shadow; and why the session ends then.
REASONS: Final = {
    "bad_recipients": Reason.BAD_RECIPIENTS,
    "flooded_recipients": Reason.FLOODED,
    "resets": Reason.RSET_ABUSE,
    "unknown_commands": Reason.UNKNOWN_COMMANDS,
    "syntax_errors": Reason.SYNTAX_ERRORS,
    "empty_messages": Reason.EMPTY_MESSAGES,
    "bad_passwords": Reason.BAD_PASSWORDS,
    "early_talk": Reason.EARLY_TALK,
    "early_pipelining": Reason.EARLY_PIPELINING,
}
_LONGEST: Final = 60.0  # seconds
_STATES: Final = "in calm, under load, under attack"


def _are_limits(instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    unknown = [name for name in value if name not in REASONS]
    if unknown:
        raise ValueError(f"there is no limit {unknown[0]!r} that can be in shadow; there are {', '.join(REASONS)}")


def _limit(default: tuple[int, int, int], unit: str, why: str, precedent: str) -> Any:
    return setting(default, unit=f"{unit}, {_STATES}", why=why, precedent=precedent, validator=is_for_three_states)


def _switch(default: bool, why: str, precedent: str) -> Any:
    return setting(default, unit="", why=why, precedent=precedent)


def _is_short(instance: Any, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not 0 <= value <= _LONGEST:
        raise ValueError(f"must be 0 to {_LONGEST:g} seconds, is {value:g}: longer than that, peers give up")


def _seconds(default: float, why: str, precedent: str) -> Any:
    return setting(default, unit="seconds", why=why, precedent=precedent, validator=_is_short)


@attrs.frozen(kw_only=True)
class ConductSettings:
    """Each limit has one value in calm, one under load and one under attack."""

    bad_recipients: tuple[int, ...] = _limit(
        (10, 5, 2),
        "recipients",
        "So many unknown or foreign recipients in a session, more than were accepted, and it hears 421 and is hung up on.",
        "Postfix smtpd_hard_error_limit 20, under stress 1; Stalwart 5; Exim's example 10 and more than half",
    )
    bad_recipients_words: str = spoken(
        "Too many recipients that are not here; closing. Check your list of recipients, then try again (id {id})"
    )
    flooded_recipients: bool = _switch(
        True,
        "Whether a stranger who asks for an address that is flooded ([attacks] tries) hears 550 and is hung up on.",
        "none",
    )
    flooded_recipients_words: str = spoken(
        "", "What is said then, behind the code of the refusal, in ASCII; empty: the words of the refusal itself"
    )
    resets: tuple[int, ...] = _limit(
        (5, 3, 2),
        "RSETs",
        "So many that throw away refused recipients, or come behind another RSET, and the session ends with 421.",
        "none: Exim allows one RSET a message, Postfix counts it with NOOP (limit 100, under stress 1)",
    )
    resets_words: str = spoken(
        "Too many transactions given up with RSET; closing. Send each message once its recipients are known (id {id})"
    )
    strict: bool = _switch(
        False,
        "Every RSET counts that ends no transaction in which somebody was accepted. Hits clients that send it as a habit.",
        "a patched qmail-smtpd that answers RSET 502 and hangs up, and lost Eudora's users",
    )
    unknown_commands: tuple[int, ...] = _limit(
        (5, 3, 1),
        "commands",
        "So many words that are no commands of SMTP, and the session ends with 421.",
        "Exim smtp_max_unknown_commands 3",
    )
    unknown_commands_words: str = spoken("Too many words that are no SMTP commands; closing (id {id})")
    foreign_protocol_words: str = spoken(
        "This is an SMTP server; closing",
        "What who speaks another protocol (HTTP, TLS where plain text is expected) hears at his first line, in ASCII",
    )
    syntax_errors: tuple[int, ...] = _limit(
        (10, 5, 3),
        "commands",
        "So many commands that are malformed, and the session ends with 421.",
        "Exim smtp_max_synprot_errors 3",
    )
    syntax_errors_words: str = spoken("Too many malformed commands; closing (id {id})")
    empty_messages: tuple[int, ...] = _limit(
        (10, 5, 2),
        "messages",
        "So many messages without a single octet: the last of them is not taken, and the session ends with 421.",
        "none; a backscatter flood sends them",
    )
    empty_messages_words: str = spoken("Too many empty messages; closing (id {id})")
    bad_passwords: tuple[int, ...] = _limit(
        (3, 3, 3),
        "AUTHs",
        "So many with a user or password that is not right, where AUTH is offered, and the session ends with 421.",
        "Exim's example of fail2ban 5; OpenSSH MaxAuthTries 6; no limit in qmail-smtpd, nor in Postfix but the errors",
    )
    bad_passwords_words: str = spoken("Too many users and passwords that are not right; closing (id {id})")
    bad_password_delay: float = _seconds(
        5.0,
        "So much later a wrong password is answered, of sessions not more than `delayed` at a time.",
        "5 s in the AUTH patches of qmail-smtpd",
    )
    early_talk: bool = _switch(
        True,
        "Whether who talks before he was greeted is hung up on with 421. He can only while somebody is asked first, or `greeting`.",
        "Postfix postscreen_greet_action enforce, Exim smtp_enforce_sync",
    )
    early_talk_words: str = spoken("You talk before you are greeted (RFC 5321 3.1); closing (id {id})")
    greeting: float = _seconds(
        0.0,
        "So long a stranger waits for the greeting; many programs of botnets do not. RFC 5321 4.5.3.2.1 lets it last 5 minutes.",
        "Postfix postscreen_greet_wait 6 s, under stress 2 s",
    )
    early_pipelining: bool = _switch(
        False,
        "Whether who sends commands behind his first EHLO or HELO, before he knows that he may, is hung up on with 421.",
        "Exim smtp_enforce_sync; Postfix postscreen_pipelining_enable no",
    )
    early_pipelining_words: str = spoken(
        "You send commands before PIPELINING is offered (RFC 2920 3.1); closing (id {id})"
    )
    delay: float = _seconds(
        0.0,
        "An error beyond `delay_from` is answered so much later, the next one twice as late. 0: at once; hanging up costs us less.",
        "Postfix smtpd_error_sleep_time 1 s",
    )
    delay_most: float = _seconds(
        8.0,
        "No answer is later than this: what a bot does not wait for, it does not wait for longer.",
        "OpenBSD spamd 1 s for each octet, 10 s at first",
    )
    delay_from: tuple[int, ...] = _limit(
        (4, 2, 1),
        "errors",
        "From this error of a session on its answers are delayed.",
        "Postfix smtpd_soft_error_limit 10, under stress 1",
    )
    delayed: int = setting(
        100,
        unit="sessions",
        why="So many answers are delayed at a time; all others come at once: a tarpit must not hold our own places.",
        precedent="OpenBSD spamd maxblack",
        validator=at_least(0),
    )
    shadow: tuple[str, ...] = setting(
        (),
        unit="limits",
        why='Limits that hang up on nobody, and only tell whom they would have, as ["bad_recipients"]: try them so first.',
        precedent="rspamd's metric actions off, Postfix warn_if_reject",
        validator=_are_limits,
    )

    def words(self, limit: str, session: str) -> str:
        """What is said when the session `session` has reached `limit`."""
        return signed_with(getattr(self, f"{limit}_words"), session)
