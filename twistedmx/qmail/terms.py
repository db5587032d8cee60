"""What a connection is served by, of what the host's files and the connection's environment say: made once for all connections that
have the same of both.

A variable goes before the control file of the same meaning, as in qmail-smtpd.c and its patches.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from twistedmx.qmail.addresses import esmtp, parse
from twistedmx.qmail.auth_terms import AuthTerms, auth_terms
from twistedmx.qmail.chkuser_settings import ChkuserSettings, overruled
from twistedmx.qmail.control import Controls
from twistedmx.qmail.trees import Tree
from twistedmx.smtp.parameters import NO_MAIL_PARAMETERS, MailParameters

Environment = Mapping[bytes, bytes]

# What `terms_of` and who checks look at, beside those that begin with CHKUSER_.
_VARIABLES: Final = (
    b"RELAYCLIENT",
    b"DATABYTES",
    b"RBLSMTPD",
    b"BRTLIMIT",
    b"DISABLE_BADMAILFROM",
    b"DISABLE_MAXRCPT",
    b"NOBADHELO",
    b"REJECTNULLSENDERS",
    b"SMTPD_GREETDELAY",
    b"GREETDELAY",
    b"DROP_PRE_GREET",
    b"FORCETLS",
    b"DISABLETLS",
    b"SMTPAUTH",
    b"FORCEAUTHMAILFROM",
    b"TARPITCOUNT",
    b"TARPITDELAY",
    b"MAXRECIPIENTS",
    b"VALIDRCPTTO",
    b"MOREVALIDRCPTTO_CDB",
)
_OF_TLS: Final = b"TLSCIPHERS"  # makes no terms, but is of the same kind
_CHKUSER: Final = b"CHKUSER_"
_LONGEST_NAME: Final = 400  # octets of smtpgreeting: a reply has at most 512 (RFC 5321 4.5.3.1.5)
_digits = re.compile(rb"[0-9]{1,18}").match
_OFF: Final = (b"", b"0")


def is_of_terms(name: bytes) -> bool:
    """Whether the variable makes terms. None of them names a program."""
    return name in _VARIABLES or name == _OF_TLS or name.startswith(_CHKUSER)


def number(text: bytes, otherwise: int) -> int:
    """The leading digits, as scan_ulong reads them; `otherwise` without any."""
    found = _digits(text)
    return int(found[0]) if found is not None else otherwise


def key_of(environment: Environment) -> tuple[tuple[bytes, bytes], ...]:
    """What of an environment makes terms: two connections with the same have the same terms."""
    of_chkuser = sorted(item for item in environment.items() if item[0].startswith(_CHKUSER))
    return (*((name, environment[name]) for name in _VARIABLES if name in environment), *of_chkuser)


@attrs.frozen(kw_only=True)
class Terms:
    """`greeting`: our name in it. `relayclient`: the value of RELAYCLIENT, None where the peer may not relay. `blocked`: that of
    RBLSMTPD, None or b"" where it is not. `databytes`: octets with LF ends, 0 for no limit. `brtlimit`, `maxrcpt`: recipients, 0
    for no limit. `greetdelay`: seconds; `early_talk`: whether who talks before is refused. `tarpitcount`: recipients that are
    answered at once; `tarpitdelay`: seconds for each other one, 0 for none. `auth`: how AUTH is to be had. `starttls`: it may be
    offered."""

    controls: Controls
    tree: Tree
    exact: bool
    greeting: str
    relayclient: bytes | None
    blocked: bytes | None
    databytes: int
    brtlimit: int
    maxrcpt: int
    greetdelay: float
    early_talk: bool
    tarpitcount: int
    tarpitdelay: float
    null_senders: bool
    badmailfrom: bool
    badhelo: bool
    auth: AuthTerms | None
    starttls: bool
    chkuser: ChkuserSettings
    is_mine: Callable[[bytes], bool]

    def address(self, argument: bytes) -> bytes | None:
        """That of MAIL's or RCPT's argument; None: a syntax error."""
        return parse(argument, localiphost=self.controls.localiphost, is_mine=self.is_mine)

    def sender(self, argument: bytes) -> bytes | None:
        """That of MAIL's."""
        return parse(
            argument,
            localiphost=self.controls.localiphost,
            is_mine=self.is_mine,
            empty_is_wrong=self.tree.null_needs_colon,
        )

    def parameters(self, argument: bytes) -> MailParameters:
        """What MAIL says behind its address, where the tree reads that."""
        if not self.tree.extends or argument.endswith(b">"):
            return NO_MAIL_PARAMETERS
        given = esmtp(argument)
        eight_bit = (given.get(b"BODY") or b"").upper() == b"8BITMIME"
        return MailParameters(
            size=number(given.get(b"SIZE") or b"", 0),
            body="8BITMIME" if eight_bit else "7BIT",
            smtputf8=b"SMTPUTF8" in given,
        )


def terms_of(
    controls: Controls,
    environment: Environment,
    *,
    tree: Tree,
    exact: bool,
    chkuser: ChkuserSettings,
    is_mine: Callable[[bytes], bool],
) -> Terms:
    """`exact`: badmailfrom holds addresses, not patterns. `is_mine`: of four octets, whether they are an address of this host."""

    def has(name: bytes) -> bool:
        return environment.get(name, b"") not in _OFF

    def numbered(name: bytes, of_file: int) -> int:
        return number(environment.get(name, b""), of_file)

    relayclient = environment.get(b"RELAYCLIENT")
    greetdelay = max(numbered(b"SMTPD_GREETDELAY", 0), numbered(b"GREETDELAY", controls.greetdelay))
    return Terms(
        controls=controls,
        tree=tree,
        exact=exact,
        greeting=_printable(controls.smtpgreeting),
        relayclient=relayclient,
        blocked=environment.get(b"RBLSMTPD"),
        databytes=numbered(b"DATABYTES", controls.databytes),
        brtlimit=numbered(b"BRTLIMIT", controls.brtlimit),
        maxrcpt=0
        if b"DISABLE_MAXRCPT" in environment
        else numbered(b"MAXRECIPIENTS", controls.maxrcpt or controls.maxrecipients or 0),
        greetdelay=0.0 if relayclient is not None else float(greetdelay),
        early_talk=has(b"DROP_PRE_GREET"),
        tarpitcount=numbered(b"TARPITCOUNT", controls.tarpitcount),
        tarpitdelay=float(numbered(b"TARPITDELAY", controls.tarpitdelay)),
        null_senders=not numbered(b"REJECTNULLSENDERS", controls.rejectnullsenders),
        badmailfrom=b"DISABLE_BADMAILFROM" not in environment,
        badhelo=b"NOBADHELO" not in environment,
        auth=auth_terms(environment),
        starttls=not has(b"DISABLETLS"),
        chkuser=overruled(chkuser, environment),
        is_mine=is_mine,
    )


def _printable(name: bytes) -> str:
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in name[:_LONGEST_NAME])
