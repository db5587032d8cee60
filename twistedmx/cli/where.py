"""Which settings file, and which socket: read with as little as will do.

The socket is found without judging the settings: who has just broken his file still wants to know how his server is. Three
defaults are said here a second time, so that Twisted need not be loaded for them; a test keeps them equal.
"""

import os
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from twistedmx.cli.control import NoServer, Unreachable

CONFIG: Final = "/etc/twistedmx/twistedmx.toml"
VARIABLE: Final = "TWISTEDMX_CONFIG"
DATA: Final = "twistedmx-data"  # settings.composed.Settings.data, and where the demo keeps everything
HOST_DATA: Final = "/var/lib/twistedmx"  # service.qmail_start.DATA
SOCKET: Final = "control.sock"  # net.control.ControlSettings.socket


def config_of(named: str | None, environment: Mapping[str, str]) -> str:
    """The settings file: what the command line says, or the environment, or the usual place."""
    return named or environment.get(VARIABLE) or CONFIG


def socket_of(config: str, *, named: bool) -> str:
    """The path of the control socket of the server with this settings file. `named`: somebody asked for this very file.

    Raises NoServer where the settings have none, and Unreachable where they cannot be read.
    """
    try:
        with open(config, "rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        if not named:  # there may be a demo in the current folder, or a qmail host without a file of ours
            of_demo, of_host = os.path.join(DATA, SOCKET), os.path.join(HOST_DATA, SOCKET)
            return of_host if os.path.exists(of_host) and not os.path.exists(of_demo) else of_demo
        raise NoServer(
            f"{config}: no such settings file; name another with --config, or a socket with --socket"
        ) from None
    except OSError as error:
        raise Unreachable(f"{config}: cannot be read: {error.strerror}; name the socket with --socket") from None
    except (ValueError, RecursionError):
        raise Unreachable(
            f"{config}: is not TOML (see twistedmx check-config); name the socket with --socket"
        ) from None
    control = document.get("control")
    socket = _text(control if isinstance(control, dict) else {}, "socket", SOCKET)
    if not socket:
        raise NoServer(f"{config}: control.socket is empty: this server has no control socket")
    folder = os.path.dirname(os.path.abspath(config))
    return os.path.join(folder, _text(document, "data", DATA), socket)


def _text(table: Mapping[str, Any], key: str, otherwise: str) -> str:
    value = table.get(key, otherwise)
    return value if isinstance(value, str) else otherwise
