"""The qmail host among the parts of a server: made with what lasts, and from then on what each connection is served by.

prepare     while we may be root: the process of our own delivery, and the socket of twistedmx-smtpd
begin       connections are its
configure   after a reload: what the files of the host do not say
stop        nobody more is handed over; queue programs that are at work finish
"""

import os
import pwd
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from twisted.internet import defer
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from twistedmx.model.remark import Remark
from twistedmx.net.adopted import adopt
from twistedmx.net.certificates import Certificate
from twistedmx.net.handed_over import HandedOver, HandOverPort, bind
from twistedmx.net.mx import DnsMx
from twistedmx.net.readers import Readers
from twistedmx.net.resolver import Resolver
from twistedmx.net.server import ServerFactory
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import ServerTls
from twistedmx.net.wheel import Wheel
from twistedmx.policy.site import Site
from twistedmx.qmail.accounts import Accounts
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.beside import Beside
from twistedmx.qmail.call import Tell, silent
from twistedmx.qmail.check_program import CheckProgram
from twistedmx.qmail.chkuser import Recipients
from twistedmx.qmail.chkuser_senders import Senders
from twistedmx.qmail.control import BadControls
from twistedmx.qmail.control_files import ControlFiles
from twistedmx.qmail.delivering import ByOurselves, ByQueue, Delivering
from twistedmx.qmail.house import House
from twistedmx.qmail.local_delivery import LocalDelivery
from twistedmx.qmail.local_terms import Terms as LocalTerms
from twistedmx.qmail.log_lines import Dialect
from twistedmx.qmail.lspawn_peer import LspawnPeer, start_lspawn
from twistedmx.qmail.occupancy import Occupancy
from twistedmx.qmail.program_places import Places
from twistedmx.qmail.queue_program import QueuePrograms
from twistedmx.qmail.rcpt_check import RcptCheck
from twistedmx.qmail.settings import QmailSettings
from twistedmx.qmail.spp import Plugins
from twistedmx.qmail.spp_file import read_spp_file
from twistedmx.qmail.vpopmail import Vpopmail
from twistedmx.report.stream import Stream
from twistedmx.service.faults import CannotStart
from twistedmx.service.look_up import BadAddress
from twistedmx.service.qmail_environment import Environments
from twistedmx.service.qmail_found import delivers_itself, local_offset
from twistedmx.service.qmail_host import QmailHost, rules_of
from twistedmx.service.qmail_look_up import look_up_on
from twistedmx.service.qmail_told import controls_of, host_of, limits_of
from twistedmx.service.world import World
from twistedmx.settings import Settings

_log: Final = Logger(namespace="twistedmx")


class Qmail:
    """`settings`: with `[qmail] home`."""

    def __init__(self, settings: Settings, world: World, *, wheel: Wheel, readers: Readers, events: Stream) -> None:
        self._settings = settings
        self._world = world
        self._wheel = wheel
        self._readers = readers
        self._events = events
        self._reactor: Any = world.reactor
        qmail = settings.qmail
        self._queue = QueuePrograms(self._reactor, qmail.queue, qmail.home)
        self._places = Places(self._reactor, qmail.programs)
        self._mx = DnsMx(Resolver(reactor=self._reactor), settings=qmail.mx, clock=self._reactor)
        self._beside = Beside(clock=self._reactor, call_from_thread=self._reactor.callFromThread)
        self._lspawn: tuple[socket.socket, Any] | None = None
        self._peer: LspawnPeer | None = None
        self._listening: socket.socket | None = None
        self._port: HandOverPort | None = None
        self._check_programs: dict[tuple[bytes, ...], CheckProgram] = {}
        self._host: QmailHost | None = None
        self._warned: set[str] = set()

    @property
    def _qmail(self) -> QmailSettings:
        return self._settings.qmail

    # -- prepare, while we may be root -------------------------------------------------------------------------------

    def prepare(self, becomes: str) -> None:
        """Raises CannotStart. `becomes`: as in `Server`."""
        qmail = self._qmail
        if delivers_itself(qmail):
            try:
                default = ControlFiles(qmail.home, self._reactor.seconds).current().defaultdelivery
                terms = LocalTerms(
                    home=qmail.home,
                    default_delivery=os.fsdecode(default) if default is not None else "./Mailbox",
                    host=self._settings.host or socket.gethostname(),
                    limits=qmail.local,
                )
                self._lspawn = start_lspawn(terms)
            except (OSError, ValueError, BadControls) as error:
                raise CannotStart(f"qmail.delivery: local mail cannot be delivered: {error}") from None
        if qmail.socket:
            if self._world.uid() == 0 and not becomes:
                raise CannotStart(
                    "qmail.socket: started as root with no user to become: who hands over connections names programs, and they "
                    'would run as root; write user = "vpopmail", or whom tcpserver\'s -u names'
                )
            try:
                self._listening = bind(qmail.socket, group=self._group(becomes))
                if becomes:
                    entry = pwd.getpwnam(becomes) if not becomes.isdigit() else pwd.getpwuid(int(becomes))
                    os.chown(qmail.socket, entry.pw_uid, -1)
            except OSError as error:
                raise CannotStart(f"qmail.socket: {qmail.socket}: {error.strerror}") from None

    def _group(self, becomes: str) -> int | None:
        """Whoever may hand over must get to the socket: the group of the first of them. None: only we and root do."""
        for name in self._qmail.socket_users:
            account = self._account(name)
            if account is not None and self._world.uid() == 0:
                return account.pw_gid
        return None

    def _account(self, name: str) -> pwd.struct_passwd | None:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            return None

    @property
    def places(self) -> tuple[str, ...]:
        """Where connections are handed over, as words."""
        return (self._qmail.socket,) if self._listening is not None else ()

    # -- serve -------------------------------------------------------------------------------------------------------

    def begin(self, factory: ServerFactory, site: Site, timeouts: Timeouts, tls: ServerTls | None) -> None:
        """Connections of `factory` are those of the host. `tls`: of the settings, where the host has none of its own."""
        qmail = self._qmail
        tell, occupancy = silent, None
        if self._settings.log.format == "qmail":
            tell = self.tell
            occupancy = Occupancy(
                lambda: self._settings.governor.ceiling or factory.door.admission.limit,
                tell,
                indimail=qmail.connections == "indimail",
            )
            occupancy.tell()
        most = ControlFiles(qmail.home, self._reactor.seconds).current().concurrencyincoming
        if most and most == self._settings.governor.ceiling:
            _log.info("at most {most} sessions of strangers at a time: control/concurrencyincoming", most=most)
        self._host = self._made_host(site, timeouts, tls, tell, occupancy)
        factory.visits = self._host.visit
        if self._listening is not None:
            self._port = HandOverPort(
                self._reactor,
                self._listening,
                wheel=self._wheel,
                take=partial(self._take, factory),
                users=frozenset(
                    account.pw_uid for name in qmail.socket_users if (account := self._account(name)) is not None
                ),
            )
            self._port.accept(True)

    def _made_host(
        self,
        site: Site,
        timeouts: Timeouts,
        tls: ServerTls | None = None,
        tell: Tell = silent,
        occupancy: Occupancy | None = None,
    ) -> QmailHost:
        qmail = self._qmail
        return QmailHost(
            qmail,
            self._house(),
            site=site,
            timeouts=timeouts,
            tls=tls,
            environments=Environments(
                self._environment(),
                rules_of(qmail),
                self._warn,
                self._world.uid(),
                tuple(map(os.fsencode, qmail.check_program)),
            ),
            is_ours=self._world.is_ours,
            tell=tell,
            occupancy=occupancy,
            seconds=self._reactor.seconds,
            first_pid=self._world.pid() + 1,
            check_program=self.check_program,
            plugins_of=self._plugins_of,
            warn=self._warn,
        )

    async def look_up(
        self, address: object, site: Site | None = None, timeouts: Timeouts | None = None
    ) -> dict[str, Any]:
        """As `qmail_look_up.look_up_on`. `site`, `timeouts`: where nothing is served."""
        if self._host is None and site is not None and timeouts is not None:
            self._host = self._made_host(site, timeouts)
        if self._host is None:
            raise BadAddress("the server is not ready yet; ask again")
        return await look_up_on(self._host, address)

    def describe(self) -> dict[str, Any]:
        """For `twistedmx status`."""
        return host_of(self._qmail, self._port)

    def limits(self) -> dict[str, int]:
        """As `qmail_told.limits_of`."""
        return limits_of(self._qmail)

    def certificates(self) -> list[Certificate]:
        """As `QmailHost.certificates`."""
        return self._host.certificates() if self._host is not None else []

    @property
    def name(self) -> str:
        """The host's, as control/me has it; "" where that cannot be read."""
        controls = controls_of(self._qmail.home)
        return "" if controls is None else (controls.me or controls.smtpgreeting).decode("ascii", "replace")

    def configure(self, site: Site, timeouts: Timeouts, tls: ServerTls | None) -> None:
        """From now on these hold."""
        if self._host is not None:
            self._host.configure(site, timeouts, tls)

    def _take(self, factory: ServerFactory, handed: HandedOver) -> None:
        def meets(address: IAddress) -> Any:
            return factory.meet(address, secure=False)

        if not adopt(self._readers, handed.connection, handed.address, meets, handed):
            handed.gone()

    def _house(self) -> House:
        qmail = self._qmail
        assign = Assign(qmail.home)
        accounts = Accounts()
        return House(
            recipients=Recipients(
                assign=assign,
                accounts=accounts,
                vpopmail=Vpopmail(assign),
                mx=self._mx,
                run_in_thread=self._beside.run,
            ),
            senders=Senders(self._mx),
            delivering=self._delivering(assign, accounts),
            rcpt_check=RcptCheck(self._places, home=qmail.home),
            in_qmail_dialect=qmail.in_qmail_dialect,
            open_relay=qmail.open_relay,
            lines=Dialect(qmail.lines),
            indimail=qmail.connections == "indimail",
            offset=local_offset,
            now=self._world.now,
        )

    def _delivering(self, assign: Assign, accounts: Accounts) -> Delivering:
        queue = ByQueue(self._queue)
        if not delivers_itself(self._qmail):
            return queue
        if self._lspawn is not None:
            sock, process = self._lspawn
            self._peer = LspawnPeer(
                peer=sock,
                reactor=self._reactor,
                chance=self._world.chance(),
                limits=self._qmail.local,
                process=process,
            )
        default = ControlFiles(self._qmail.home, self._reactor.seconds).current().defaultdelivery
        local = LocalDelivery(
            lspawn=self._peer,
            spool=self._settings.data,
            find=assign.find,
            of_system=accounts.find,
            run_in_thread=self._beside.run,
            default_delivery=default if default is not None else b"./Mailbox",
        )
        return ByOurselves(local, queue)

    def _environment(self) -> dict[bytes, bytes]:
        """Of this program, as a run script has made it. Who names a check program in the settings wants AUTH."""
        environment = {os.fsencode(name): os.fsencode(value) for name, value in self._world.environment.items()}
        if self._qmail.check_program:
            environment.setdefault(b"SMTPAUTH", b"")
        return environment

    def check_program(self, arguments: tuple[bytes, ...]) -> CheckProgram | None:
        """The one that AUTH asks. `arguments`: of twistedmx-smtpd; without any, those of the settings."""
        argv = arguments or tuple(map(os.fsencode, self._qmail.check_program))
        if not argv:
            return None
        if argv not in self._check_programs:
            if len(self._check_programs) >= _MOST_CHECK_PROGRAMS:
                self._check_programs.clear()
            self._check_programs[argv] = CheckProgram(self._reactor, argv, cwd=self._qmail.home)
        return self._check_programs[argv]

    def _plugins_of(self, environment: Mapping[bytes, bytes], tell: Tell) -> Plugins | None:
        """Raises BadSppFile: what plugins would have refused must not come in because their file cannot be read."""
        file = read_spp_file(self._qmail.home, environment, tell)
        return Plugins(self._places, file, home=self._qmail.home, tell=tell) if file.plugins else None

    def _warn(self, words: str) -> None:
        """Once, however many come."""
        if words not in self._warned:
            if len(self._warned) >= _MOST_WARNINGS:
                self._warned.clear()
            self._warned.add(words)
            _log.warn("{words}", words=words)

    def tell(self, line: bytes) -> None:
        """A line of the log, with its end."""
        self._events.tell(Remark(at=self._world.now(), line=line.rstrip(b"\n").decode("utf-8", "replace")))

    # -- stop --------------------------------------------------------------------------------------------------------

    def stop_accepting(self) -> None:
        """Nobody more is handed over."""
        if self._port is not None:
            self._port.stop()

    def stop(self) -> defer.Deferred[None]:
        """Fires when no program is at work."""
        self._mx.close()
        self._beside.stop()
        if self._peer is not None:
            self._peer.stop()
        return self._queue.stop()


_MOST_CHECK_PROGRAMS: Final = 16
_MOST_WARNINGS: Final = 64  # that are not told again
