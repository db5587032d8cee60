"""A qmail host as it is served: what each connection finds there, by the control files and rules of that moment.

There is no reload on a qmail host: who edits a file expects it to hold for the next connection. So each one asks the files whether
they changed (`qmail.control_files`), and the rules who it is; what follows from both is made once (`qmail.terms`).
"""

import itertools
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import attrs
from twisted.logger import Logger

from twistedmx.model.login import Recognition
from twistedmx.model.peer import Peer
from twistedmx.net.certificates import Certificate
from twistedmx.net.handed_over import HandedOver
from twistedmx.net.line_sink import Lines
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import ServerTls
from twistedmx.net.visit import Visit
from twistedmx.policy.auth import Auth
from twistedmx.policy.site import Site
from twistedmx.qmail.call import Call, Tell, nobody_waits, silent
from twistedmx.qmail.check_program import CheckProgram
from twistedmx.qmail.control import BadControls, Controls
from twistedmx.qmail.control_files import ControlFiles
from twistedmx.qmail.house import House
from twistedmx.qmail.occupancy import Occupancy
from twistedmx.qmail.receiver import QmailReceiver
from twistedmx.qmail.rules import Rules
from twistedmx.qmail.session import QmailSession
from twistedmx.qmail.settings import QmailSettings
from twistedmx.qmail.speech import QmailSite, site_of
from twistedmx.qmail.spp import Plugins
from twistedmx.qmail.spp_file import BadSppFile
from twistedmx.qmail.terms import Terms, key_of, terms_of
from twistedmx.qmail.trees import TREES
from twistedmx.qmail.unserved import Unserved
from twistedmx.qmail.words import words_of
from twistedmx.service.qmail_environment import Environments, NotTrusted, UsualRules
from twistedmx.service.qmail_tls import QmailTls
from twistedmx.smtp.auth import AuthSession
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.sasl import Credentials
from twistedmx.smtp.session import Session

_log: Final = Logger(namespace="twistedmx")
# What a look-up for the operator must not run, or take for a client's right.
_OF_ONE: Final = (b"RCPTCHECK", b"RELAYCLIENT", b"RBLSMTPD", b"ENABLE_SPP")
_MOST_TERMS: Final = 256  # by rules: a host has some dozens
_DEFAULT_TIMEOUT: Final = 1200  # seconds: control/timeoutsmtpd says nothing


class QmailHost:
    """`site`, `timeouts`, `tls`: of the settings, replaced when these are. `house`: what all connections share. `rules`: None where
    there are none. `tell`: takes the lines of connections that bring no log of their own; `occupancy`: counts them.
    `environment`: of this program, as a run script has made it: each connection begins with it."""

    def __init__(
        self,
        settings: QmailSettings,
        house: House,
        *,
        site: Site,
        timeouts: Timeouts,
        tls: ServerTls | None = None,
        environments: Environments,
        is_ours: Callable[[str], bool],
        tell: Tell = silent,
        seconds: Callable[[], float],
        first_pid: int,
        occupancy: Occupancy | None = None,
        check_program: Callable[[tuple[bytes, ...]], CheckProgram | None],
        plugins_of: Callable[[Mapping[bytes, bytes], Tell], Plugins | None],
        warn: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.house = house
        self.files = ControlFiles(settings.home, seconds)
        self._site, self._timeouts, self._tls = site, timeouts, QmailTls(tls)
        self._environments = environments
        self._is_ours = is_ours
        self._tell = tell
        self._pids = itertools.count(first_pid)
        self._occupancy = occupancy
        self._check_program = check_program
        self._plugins_of = plugins_of
        self._warn = warn
        self._controls: Controls | None = None
        self._made: dict[Any, tuple[Terms, Site]] = {}

    def configure(self, site: Site, timeouts: Timeouts, tls: ServerTls | None) -> None:
        """For connections that begin from now on."""
        self._site, self._timeouts, self._tls.default = site, timeouts, tls
        self._made.clear()

    # -- a connection ------------------------------------------------------------------------------------------------

    def visit(self, transport: Any, peer: Peer) -> Visit:
        """What it is served with. A `net.visit.Visits`."""
        handed: HandedOver | None = getattr(transport, "came_with", None)
        tell = self._tell_of(handed)
        of_client = partial(self._environments.of_client, transport.getHost())
        try:
            environment, denied = of_client(peer) if handed is None else (self._environments.of_handed(handed), False)
            controls = self._current()
            plugins = self._plugins_of(environment, tell)
        except (BadControls, BadSppFile) as fault:
            self._warn(f"{fault}: who comes hears 421 until it is mended")
            return self._unserved()
        except NotTrusted as why:
            self._warn(str(why))
            return self._unserved()
        program = self._check_program(self._arguments_of(handed))
        terms, site = self._terms(controls, environment, authenticates=program is not None)
        call = Call(
            pid=next(self._pids),
            environment=environment,
            terms=terms,
            again=partial(self._terms_for, controls),
            check_program=program,
            plugins=plugins,
            of_client=of_client if handed is None else None,
            denied=denied,
            over=handed.ended if handed is not None else nobody_waits,
            is_beside=handed is not None,
            occupancy=self._occupancy if handed is None else None,
            tell=tell,
        )
        tls = self._tls.current(controls, environment)
        if tls is None and site.starttls:
            site = self._without_tls(site)
        return Visit(
            session=partial(_session, site, peer, names_clients=handed is None),
            receiver=partial(QmailReceiver, self.house, call, site),
            tls=tls,
            timeouts=self._timeouts_by(controls),
        )

    def _current(self) -> Controls:
        """Raises BadControls, also where there is no rcpthosts any more: every recipient would be refused for good."""
        controls = self.files.current()
        if controls.rcpthosts is None and not self.settings.open_relay:
            raise BadControls("control/rcpthosts", "is missing: write the domains of this host into it")
        return controls

    def _arguments_of(self, handed: HandedOver | None) -> tuple[bytes, ...]:
        """Who is asked by AUTH, where the connection brings that."""
        return handed.arguments if handed is not None and self._environments.trusts(handed) else ()

    def stranger(self) -> Call:
        """A connection of nobody, of whom the rules say nothing. Raises BadControls."""
        controls = self._current()
        environment = {name: value for name, value in self._environments.own.items() if name not in _OF_ONE}
        return Call(
            pid=0,
            environment=environment,
            terms=self._terms_for(controls, environment),
            again=partial(self._terms_for, controls),
        )

    def words(self, reply: Reply) -> Reply:
        """As this host says them."""
        return words_of(TREES[self.settings.tree], "").get(reply, reply) if self.settings.in_qmail_dialect else reply

    def _unserved(self) -> Visit:
        site = self._site
        return Visit(
            session=partial(_plain_session, site),
            receiver=partial(Unserved, site),
            tls=None,
            timeouts=self._timeouts,
        )

    def _terms(
        self, controls: Controls, environment: Mapping[bytes, bytes], *, authenticates: bool
    ) -> tuple[Terms, Site]:
        if controls is not self._controls or len(self._made) >= _MOST_TERMS:
            self._controls = controls
            self._made.clear()
        key = authenticates, key_of(environment)
        made = self._made.get(key)
        if made is None:
            terms = self._terms_for(controls, environment)
            auth = None
            if authenticates and terms.auth is not None:
                auth = Auth(passwords=_NOBODY, mechanisms=terms.auth.mechanisms, plain_text=terms.auth.plain_text)
            settings = self.settings
            site = site_of(
                self._site, terms, auth, largest=settings.largest, in_qmail_dialect=settings.in_qmail_dialect
            )
            made = self._made[key] = terms, site
        return made

    def _terms_for(self, controls: Controls, environment: Mapping[bytes, bytes]) -> Terms:
        settings = self.settings
        return terms_of(
            controls,
            environment,
            tree=TREES[settings.tree],
            exact=settings.exact,
            chkuser=settings.chkuser_with_mx,
            is_mine=partial(self._is_mine, controls),
        )

    def _is_mine(self, controls: Controls, address: bytes) -> bool:
        is_ours = self._is_ours(".".join(map(str, address)))
        return controls.own_addresses.are(address, (address,) if is_ours else ())

    def _tell_of(self, handed: HandedOver | None) -> Tell:
        if handed is None:
            return self._tell
        return partial(_tell, handed.lines) if handed.lines is not None else silent

    def _timeouts_by(self, controls: Controls) -> Timeouts:
        seconds = controls.timeoutsmtpd
        if seconds == _DEFAULT_TIMEOUT:
            return self._timeouts
        return attrs.evolve(self._timeouts, command=float(seconds), content=float(seconds))

    def certificates(self) -> list[Certificate]:
        """Those that who comes now is shown behind STARTTLS; none while control files cannot be read."""
        try:
            tls = self._tls.current(self.files.current(), self._environments.own)
        except BadControls:
            return []
        return tls.certificates() if tls is not None else []

    def _without_tls(self, site: Site) -> Site:
        return attrs.evolve(site, starttls=False)


class _Nobody:
    """Who is asked is known when a connection is there (`QmailReceiver`)."""

    async def check(self, credentials: Credentials) -> Recognition:
        raise RuntimeError("no check program")


_NOBODY: Final = _Nobody()


def _tell(lines: Lines, line: bytes) -> None:
    lines.write(line.removesuffix(b"\n"))


def _session(site: Site, peer: Peer, *, names_clients: bool, secure: bool) -> Session:
    how: dict[str, Any] = {
        "limits": site.session_limits[0],
        "starttls": site.starttls,
        "secure": secure,
        "tolerant": peer.among(site.tolerant),
        "xclient": names_clients and not isinstance(site, QmailSite) and peer.among(site.xclient_from),
        "sampled": site.sampled,
    }
    mechanisms = site.auth.mechanisms if site.auth is not None else ()
    plain_text = site.auth is not None and site.auth.plain_text
    if isinstance(site, QmailSite):
        return QmailSession(site.dialect, site.words, mechanisms=mechanisms, plain_text=plain_text, **how)
    return AuthSession(mechanisms=mechanisms, plain_text=plain_text, **how) if mechanisms else Session(**how)


def _plain_session(site: Site, *, secure: bool) -> Session:
    return Session(limits=site.session_limits[0], starttls=False, secure=secure)


def rules_of(settings: QmailSettings) -> Rules | UsualRules:
    """Those that the settings name, or those of the usual places."""
    if settings.rules:
        return Rules(settings.rules, allow_missing=False)
    return UsualRules((os.path.join(settings.home, "control", "tcp.smtp.cdb"), "/etc/tcp.smtp.cdb"))
