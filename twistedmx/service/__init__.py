"""What `twistd twistedmx` runs: the only room that builds things, and the only one that imports the reactor.

options     the command line of twistd
start       from the command line to a server; what the machine is like
parts       from settings to all that they describe, or to every fault in them
server      the running server: bind, serve, stop
adjusting   some settings changed until the next reload
reloading   other settings for a running server, all or nothing; exchange: how it is done
workers     the same server as several processes
commands    what the control socket answers
check       settings judged without being used; look_up: a recipient without a server
"""

from twistedmx.service.faults import CannotStart
from twistedmx.service.options import Options
from twistedmx.service.start import build, makeService
from twistedmx.service.world import World

__all__ = ["CannotStart", "Options", "World", "build", "makeService"]
