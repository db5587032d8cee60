"""What stands before qmail-smtpd in a run script, and what becomes of it here: programs, and the flags of tcpserver.

tcpserver is that of ucspi-tcp 0.88 (tcpserver.c), with what IndiMail's and ucspi-ssl's sslserver add.
"""

from typing import Final

from twistedmx.qmail.standings import Standing

_HONOURED, _DIFFERENT = Standing.HONOURED, Standing.WITH_A_DIFFERENCE
_NOT, _ELSEWHERE = Standing.NOT_SUPPORTED, Standing.ELSEWHERE
_KEEP: Final = "keep tcpserver, with twistedmx-smtpd in place of qmail-smtpd"

SMTPDS: Final = frozenset(("qmail-smtpd", "twistedmx-smtpd"))
TCPSERVER: Final = frozenset(("tcpserver", "sslserver"))
_VALUED: Final = {"tcpserver": "xtugelbBcCmwknsI", "sslserver": "xtugelbBcCwVa"}

PROGRAMS: Final = {
    "tcpserver": (_HONOURED, "this server listens itself; or keep it, with twistedmx-smtpd in place of qmail-smtpd"),
    "sslserver": (_DIFFERENT, "TLS before the greeting is `listen_tls`, with the certificates of control/"),
    "qmail-smtpd": (_HONOURED, "this server; or twistedmx-smtpd, under tcpserver"),
    "twistedmx-smtpd": (_HONOURED, "hands each connection to this server"),
    "softlimit": (_NOT, "this server is one process for all: MemoryMax= of its unit, and [governor] for the load"),
    "setuidgid": (_DIFFERENT, "`user` of the settings: it binds the port first"),
    "envuidgid": (_DIFFERENT, "`user` of the settings: it binds the port first"),
    "envdir": (_DIFFERENT, "its files are variables: start this server, and check-config, behind it as well"),
    "env": (_HONOURED, "its variables are the environment in which this server is to be started"),
    "rblsmtpd": (_NOT, f"this server asks no list yet: {_KEEP} behind rblsmtpd"),
    "spamdyke": (_NOT, "it stands between two that talk on descriptors 0 and 1: this server has checks of its own"),
    "fixcrio": (_NOT, "LF alone smuggles mail: name hosts that must be heard in `bare_newline_from`"),
    "fixcr": (_NOT, "LF alone smuggles mail: name hosts that must be heard in `bare_newline_from`"),
    "recordio": (_NOT, "what a session said is kept by [samples]"),
    "greetdelay": (_NOT, "control/greetdelay or GREETDELAY, which this server obeys"),
    "relay-ctrl-check": (_NOT, f"{_KEEP} behind it: its RELAYCLIENT is believed"),
    "nice": (_ELSEWHERE, "as before"),
    "argv0": (_ELSEWHERE, "as before"),
}
CHAIN: Final = frozenset(PROGRAMS)

# Flag: (standing, words), where "{}" is its value.
FLAGS: Final = {
    "-x": (_HONOURED, '[qmail] rules = "{}"'),
    "-X": (_DIFFERENT, "a file that [qmail] rules names must be there; without `rules`, the usual ones may be missing"),
    "-c": (_DIFFERENT, "[governor] ceiling = {}: most strangers at a time; the load lowers it, and the others wait"),
    "-C": (_DIFFERENT, "[governor] shares and least say how many one host may have"),
    "-u": (_HONOURED, 'user = "{}"; a name, in place of a number'),
    "-g": (_DIFFERENT, "the groups are those of `user`: make {} one of them, where files are to be read by it"),
    "-U": (_DIFFERENT, "`user` of the settings, in place of UID and GID of the environment"),
    "-l": (_DIFFERENT, "no own name is looked up; TCPLOCALHOST={} in the environment, where it is wanted in Received"),
    "-R": (_HONOURED, "nobody is asked for TCPREMOTEINFO"),
    "-r": (_NOT, f"nobody is asked for TCPREMOTEINFO: {_KEEP}, if rules have info@"),
    "-t": (_NOT, "of -r: nobody is asked for TCPREMOTEINFO"),
    "-H": (_HONOURED, "no names are looked up"),
    "-h": (_NOT, f"no names are looked up, TCPREMOTEHOST is unset: {_KEEP}, if rules have =host"),
    "-p": (_NOT, f"no names are looked up, so that none is compared: {_KEEP}, if rules have =host"),
    "-P": (_HONOURED, "no names are compared"),
    "-b": (_HONOURED, "backlog = {}"),
    "-B": (_NOT, "the greeting is control/smtpgreeting"),
    "-o": (_NOT, "options of IP are the kernel's: Linux refuses source routes by itself"),
    "-O": (_HONOURED, "options of IP are the kernel's: Linux refuses source routes by itself"),
    "-d": (_NOT, "replies are sent at once"),
    "-D": (_HONOURED, "replies are sent at once"),
    "-q": (_DIFFERENT, "[log] says how much is written"),
    "-Q": (_DIFFERENT, "[log] says how much is written"),
    "-v": (_HONOURED, '[log] format = "qmail" has the lines of tcpserver'),
    "-1": (_NOT, "`twistedmx status` tells where it listens"),
    "-4": (_DIFFERENT, 'listen = ["tcp:25"]'),
    "-6": (_DIFFERENT, 'listen = ["tcp6:25"]'),
    "host port": (_DIFFERENT, "{}"),
}
_OTHER_FLAG: Final = (Standing.UNKNOWN, "unknown: no flag of ucspi-tcp's tcpserver")
_PORTS: Final = {"smtp": "25", "smtps": "465", "submissions": "465", "submission": "587"}


def with_value(program: str) -> str:
    """The letters of flags that have a value."""
    return _VALUED[program]


def of_flag(program: str, flag: str, value: str) -> tuple[Standing, str]:
    """What becomes of one flag of `program`."""
    standing, words = FLAGS.get(flag, _OTHER_FLAG)
    if flag == "-l" and value == "0":
        return _HONOURED, "no own name is looked up"
    if flag == "host port":
        host, _, port = value.partition(" ")
        key = "listen_tls" if program == "sslserver" or port in ("465", "smtps", "submissions") else "listen"
        place = f"tcp:{_PORTS.get(port, port)}" + ("" if host in ("0", "0.0.0.0", "") else f":interface={host}")  # noqa: S104
        return standing, f'{key} = ["{place}"]'
    return standing, words.format(value) if value else words
