"""The operator's command, `twistedmx`: asks a running server over its control socket, or reads settings without one.

    program     the command line, and how it ends
    commands    the table of commands; each has a file of its own
    command     what a command is, and what it is given
    control     the client of the control socket
    where       which settings file, which socket
    wording     how status says things, governor: and of that; watch: second by second, with a chart
    terminal    what is written, and what a terminal must not be told
    world       what is asked of the server's own code; loaded when it is asked

Nothing here loads Twisted before a command needs it: `twistedmx status` is meant to be asked by scripts, often.
"""

from twistedmx.cli.program import main

__all__ = ["main"]
