"""Settings `[qmail.chkuser]`: what chkuser has as defines (chkuser_settings.h, 2.0.9) and as variables of a session.

What the original fixes when it is compiled is a setting here, and what it reads from the environment of a session still overrules
it (`overruled`). The defaults are those of the widely used patch set of Sagredo, where nothing else is said. Left out is what has
no meaning here: how to log for debugging, to change the uid, to open and close a database; alias domains are always known.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from twistedmx.setting import at_least, setting

_LONGEST: Final = 60.0  # seconds
_number = re.compile(rb"[ \t]*\+?([0-9]{1,9})").match


def _is_one_of(*words: str) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
        if value not in words:
            known = ", ".join(word or '""' for word in words)
            raise ValueError(f"must be one of {known}, is {value!r}")

    return check


def _is_dash(instance: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if len(value) != 1 or not value.isascii() or not value.isprintable() or value in "/.@":
        raise ValueError(f"must be one character, as -, is {value!r}")


def _is_name(instance: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if "/" in value or "\0" in value:
        raise ValueError(f"must be the name of a file, without a folder, is {value!r}")


def _are_allowed(instance: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not value.isascii() or not value.isprintable() or set(value) & set('@ "'):
        raise ValueError(f"must be printable ASCII without @, quote and blank, is {value!r}")


def _is_short(instance: Any, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not 0 <= value <= _LONGEST:
        raise ValueError(f"must be 0 to {_LONGEST:g} seconds, is {value:g}: longer than that, peers give up")


def _switch(default: bool, why: str, precedent: str) -> Any:
    return setting(default, unit="", why=why, precedent=precedent)


def _dash(why: str, precedent: str) -> Any:
    return setting("-", unit="", why=why, precedent=precedent, validator=_is_dash)


@attrs.frozen(kw_only=True)
class ChkuserSettings:
    """As they are written; `overruled` gives those of a session."""

    start: str = setting(
        "DOMAIN",
        unit="",
        why="DOMAIN checks the domains of vpopmail whose .qmail-default bounces mail for nobody, ALWAYS all of them, also against "
        "a catch-all, NONE none: then every recipient in rcpthosts is taken, and bounced later.",
        precedent="chkuser without CHKUSER_STARTING_VARIABLE: DOMAIN; with it, and the variable unset: off",
        validator=_is_one_of("DOMAIN", "ALWAYS", "NONE"),
    )
    check_local: bool = _switch(
        True,
        "Whether recipients outside of vpopmail, users of the system and aliases, are checked too; else they are taken unchecked.",
        "chkuser: no; it accepts and qmail bounces",
    )
    domain_wanted: str = setting(
        "",
        unit="",
        why='"on": a recipient must have a domain, but for the postmaster; "off": else envnoathost is meant. Empty: by the tree.',
        precedent="CHKUSER_DOMAIN_WANTED, on in sagredo's tree; qmail-smtpd takes them, RFC 5321 4.5.1 the postmaster",
        validator=_is_one_of("", "on", "off"),
    )
    users: bool = _switch(True, "Whether users of vpopmail are looked for.", "CHKUSER_ENABLE_USERS on")
    aliases: bool = _switch(True, "Whether a domain's .qmail-NAME is a recipient.", "CHKUSER_ENABLE_ALIAS on")
    alias_default: bool = _switch(
        True,
        "Whether a domain's .qmail-NAME-default is one too.",
        "CHKUSER_ENABLE_ALIAS_DEFAULT on; in stock 2.0.8 off",
    )
    extensions: bool = _switch(
        False,
        "Whether user-anything is the user's in vpopmail. Have it as vpopmail was built (--enable-qmail-ext), or it bounces.",
        "CHKUSER_ENABLE_USERS_EXTENSIONS off",
    )
    users_dash: str = _dash("What stands between a user and his extension.", "CHKUSER_USERS_DASH '-'")
    ezmlm: bool = _switch(
        True,
        "Whether LIST-anything is a recipient where the folder LIST of a domain is one of ezmlm (its file `editor` tells).",
        "CHKUSER_ENABLE_EZMLM_LISTS on",
    )
    ezmlm_dash: str = _dash("What stands between the list and the command.", "CHKUSER_EZMLM_DASH '-'")
    mailman: bool = _switch(
        False,
        "Whether LIST-anything is a recipient where the .qmail-LIST of a domain runs mailman.",
        "CHKUSER_ENABLE_MAILMAN_LISTS off, and broken",
    )
    mailman_string: str = setting(
        "mailman", unit="", why="What such a .qmail-LIST has in it.", precedent="CHKUSER_MAILMAN_STRING"
    )
    mailman_dash: str = _dash("What stands between the list and the command.", "CHKUSER_MAILMAN_DASH '-'")
    bounce_string: str = setting(
        "bounce-no-mailbox",
        unit="",
        why="With start DOMAIN: what stands in the first 1023 octets of the .qmail-default of a domain that is checked, be it in a "
        "comment.",
        precedent="CHKUSER_BOUNCE_STRING",
    )
    bounce_file: str = setting(
        "",
        unit="",
        why="With start DOMAIN: a file in the folder of a domain that is checked, instead of bounce_string. Empty: none.",
        precedent="CHKUSER_SPECIFIC_BOUNCING off",
        validator=_is_name,
    )
    rcpt_format: bool = _switch(True, "Whether a recipient must look like an address.", "CHKUSER_RCPT_FORMAT on")
    rcpt_mx: bool = _switch(
        True, "Whether the domain of a recipient elsewhere must have a mail host.", "CHKUSER_RCPT_MX on"
    )
    sender_check: bool = _switch(
        True, "Whether senders are looked at.", "chkuser, unless CHKUSER_SENDER_NOCHECK_VARIABLE is set"
    )
    sender_format: bool = _switch(True, "Whether a sender must look like an address.", "CHKUSER_SENDER_FORMAT on")
    sender_mx: bool = _switch(True, "Whether the domain of a sender must have a mail host.", "CHKUSER_SENDER_MX on")
    allowed_characters: str = setting(
        "$%?*^~&/\\#+_-.='",
        unit="characters",
        why="What may be in a local part beside letters and digits, unless the client said SMTPUTF8.",
        precedent="CHKUSER_ALLOWED_CHARS, which has no apostrophe: o'brien@ is an address (RFC 5321 4.1.2)",
        validator=_are_allowed,
    )
    refused_characters: str = setting(
        "(),:;<>@[]",
        unit="characters",
        why="What may not be in an address, where the client said SMTPUTF8; all else that is UTF-8 may.",
        precedent="CHKUSER_INVALID_UTF8_CHARS",
    )
    least_domain: int = setting(
        4,
        unit="octets",
        why="A domain that is shorter is none.",
        precedent="CHKUSER_MIN_DOMAIN_LEN 4: x.xx",
        validator=at_least(1),
    )
    rcpt_limit: int = setting(
        0,
        unit="recipients of a session",
        why="The first one that is not taken any more, good or bad: 50 takes 49. All later ones are refused. 0: no limit.",
        precedent="CHKUSER_RCPTLIMIT, unset",
        validator=at_least(0),
    )
    wrong_rcpt_limit: int = setting(
        0,
        unit="recipients of a session",
        why="After so many that are not there every recipient is refused, good or bad. 0: no limit.",
        precedent="CHKUSER_WRONGRCPTLIMIT, unset; some 10 where it is used",
        validator=at_least(0),
    )
    wrong_recipient: str = setting(
        "hang-up",
        unit="",
        why="Behind wrong_rcpt_limit the session ends with the first refusal; original refuses as long as the peer asks.",
        precedent="chkuser never hangs up; brtlimit of the patch set does",
        validator=_is_one_of("hang-up", "original"),
    )
    mailbox_quota: int = setting(
        0,
        unit="percent",
        why="A mailbox that is so full, or fuller, takes no more. 0: not looked at. A user with NOQUOTA has none.",
        precedent="CHKUSER_MBXQUOTA, unset",
        validator=at_least(0),
    )
    error_delay: float = setting(
        1.0,
        unit="seconds",
        why="The first error of a session is answered so much later. 0: at once. Only that session waits.",
        precedent="CHKUSER_ERROR_DELAY 1000 ms",
        validator=_is_short,
    )
    error_delay_increase: float = setting(
        0.3,
        unit="seconds",
        why="Each further error is answered later by so much.",
        precedent="CHKUSER_ERROR_DELAY_INCREASE 300 ms",
        validator=_is_short,
    )
    error_delay_most: float = setting(
        30.0,
        unit="seconds",
        why="No error is answered later than that: a peer that waits so long is no victim, and its session is a place of ours.",
        precedent="none: chkuser's grows for as long as the session",
        validator=_is_short,
    )
    rcpt_delay_any: bool = _switch(
        True,
        "Whether all refusals of recipients are late; else only those of who is not there and of limits.",
        "CHKUSER_RCPT_DELAY_ANYERROR on",
    )
    sender_delay_any: bool = _switch(True, "Whether refusals of senders are late.", "CHKUSER_SENDER_DELAY_ANYERROR on")
    must_auth: bool = _switch(
        False, "Whether only who may relay (RELAYCLIENT) may send.", "CHKUSER_EXTRA_MUSTAUTH_VARIABLE off"
    )
    doublebounce: bool = _switch(False, "Whether the sender #@[] is taken.", "CHKUSER_DOUBLEBOUNCE, unset")
    identify: str = setting("", unit="", why="What the lines of the log call us.", precedent="CHKUSER_IDENTIFY, unset")
    disable_variable: str = setting(
        "RELAYCLIENT",
        unit="",
        why="A session whose environment has it is not checked: start NONE. Empty: none.",
        precedent='CHKUSER_DISABLE_VARIABLE "RELAYCLIENT"',
    )
    sender_nocheck_variable: str = setting(
        "RELAYCLIENT",
        unit="",
        why="The senders of a session whose environment has it are not checked. Empty: none.",
        precedent='CHKUSER_SENDER_NOCHECK_VARIABLE "RELAYCLIENT"; in stock 2.0.8 off',
    )
    log_recipients: bool = _switch(
        True, "Whether recipients that are taken have a line too.", "CHKUSER_LOG_VALID_RCPT on"
    )
    log_senders: bool = _switch(True, "Whether senders that are taken have one.", "CHKUSER_LOG_VALID_SENDER on")


def overruled(settings: ChkuserSettings, environment: Mapping[bytes, bytes]) -> ChkuserSettings:
    """As they are for a session with this environment. Numbers are read as by atoi(3), below 1 is 0; never raises.

    CHKUSER_START is ALWAYS or DOMAIN in any case, NONE or nothing; another word, a slip most likely, is DOMAIN as in stock
    chkuser, and not off. CHKUSER_DISABLE_VARIABLE and CHKUSER_SENDER_NOCHECK_VARIABLE name a variable instead of the one in the
    settings; in the original the first of them is one more.
    """
    changed: dict[str, Any] = {}
    word = environment.get(b"CHKUSER_START")
    if word is not None:
        changed["start"] = _starts.get(word.strip().upper(), "DOMAIN")
    for name, variable in _NUMBERS.items():
        if variable in environment:
            changed[name] = _integer(environment[variable])
    changed.update({name: False for name, variable in _SWITCHED_OFF.items() if variable in environment})
    if b"CHKUSER_DOUBLEBOUNCE" in environment:
        changed["doublebounce"] = True
    if b"CHKUSER_MUSTAUTH" in environment:
        changed["must_auth"] = True
    if b"CHKUSER_IDENTIFY" in environment:
        changed["identify"] = environment[b"CHKUSER_IDENTIFY"].decode("latin-1")
    if _is_set(environment, b"CHKUSER_DISABLE_VARIABLE", settings.disable_variable):
        changed["start"] = "NONE"
    if _is_set(environment, b"CHKUSER_SENDER_NOCHECK_VARIABLE", settings.sender_nocheck_variable):
        changed["sender_check"] = False
    return attrs.evolve(settings, **changed)


_starts: Final = {b"ALWAYS": "ALWAYS", b"DOMAIN": "DOMAIN", b"NONE": "NONE", b"": "NONE"}
_NUMBERS: Final = {
    "rcpt_limit": b"CHKUSER_RCPTLIMIT",
    "wrong_rcpt_limit": b"CHKUSER_WRONGRCPTLIMIT",
    "mailbox_quota": b"CHKUSER_MBXQUOTA",
}
_SWITCHED_OFF: Final = {
    "sender_format": b"CHKUSER_SENDER_FORMAT_NOCHECK",
    "sender_mx": b"CHKUSER_SENDER_MX_NOCHECK",
    "rcpt_format": b"CHKUSER_RCPT_FORMAT_NOCHECK",
    "rcpt_mx": b"CHKUSER_RCPT_MX_NOCHECK",
}


def _integer(text: bytes) -> int:
    found = _number(text)
    return int(found[1]) if found is not None else 0


def _is_set(environment: Mapping[bytes, bytes], other: bytes, usual: str) -> bool:
    """Is the variable there that `other` names, or without it the usual one?"""
    name = environment.get(other) or usual.encode()
    return bool(name) and name in environment
