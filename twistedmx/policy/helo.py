"""The policy `helo`: a client that calls itself by our name, or by what is no name."""

from ipaddress import ip_address
from typing import Final

import attrs

from twistedmx.model.context import Context
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Reason, Verdict, verdict
from twistedmx.policy.means import Means
from twistedmx.setting import setting
from twistedmx.smtp import codes

_NOT_YOURS: Final = verdict(codes.HELO_NOT_YOURS, Reason.BAD_HELO, "our own name or address", postpone=True)
_NO_BRACKETS: Final = verdict(
    codes.HELO_WITHOUT_BRACKETS, Reason.BAD_HELO, "an address without brackets", postpone=True
)
_NOT_QUALIFIED: Final = verdict(codes.HELO_NOT_QUALIFIED, Reason.BAD_HELO, "a name without a dot", postpone=True)


@attrs.frozen(kw_only=True)
class HeloSettings:
    """Its own settings."""

    own: bool = setting(
        True,
        unit="",
        why="Refuse who calls himself by our name or an address of this machine, and does not come from it.",
        precedent="Postfix check_helo_access with one's own names",
    )
    names: tuple[str, ...] = setting(
        (),
        unit="names",
        why="More names that are ours alone, beside `host`. Not of a domain whose other hosts send mail to us.",
    )
    bare_address: bool = setting(
        True,
        unit="",
        why="Refuse an address without brackets: RFC 5321 4.1.3 wants [192.0.2.1].",
        precedent="Postfix reject_invalid_helo_hostname",
    )
    qualified: bool = setting(
        False,
        unit="",
        why="Refuse a name without a dot. RFC 5321 2.3.5 forbids it, and many a good host in an office says it.",
        precedent="Postfix reject_non_fqdn_helo_hostname",
    )


class Helo:
    """Refuses, at RCPT, a client whose EHLO or HELO is our own name or address, or no name of a host.

    Who comes from an address of this machine may say all of it. BUGS: behind a NAT this machine does not know the address by which
    others reach it; `names` may have it, with brackets.
    """

    stages = frozenset((Stage.HELO,))
    settings = HeloSettings

    def __init__(self, settings: HeloSettings, means: Means) -> None:
        self._settings = settings
        self._is_ours = means.is_ours
        self._names = frozenset(_key(name) for name in (means.host, *settings.names))

    def decide(self, context: Context) -> Verdict:
        said = self._judge(_key(context.helo))
        return CONTINUE if said is CONTINUE or self._is_ours(context.peer.address) else said

    def _judge(self, name: str) -> Verdict:
        settings = self._settings
        address = _address_in(name)
        if settings.own and (name in self._names or (address and self._is_ours(address))):
            return _NOT_YOURS
        if address:
            return _NO_BRACKETS if settings.bare_address and not name.startswith("[") else CONTINUE
        return _NOT_QUALIFIED if settings.qualified and "." not in name else CONTINUE


def _key(name: str) -> str:
    return name.lower().removesuffix(".")


def _address_in(name: str) -> str:
    """With brackets or without; "" where it is none."""
    text = name.removeprefix("[").removesuffix("]").removeprefix("ipv6:")
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
