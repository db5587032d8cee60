"""What a process that serves asks of its own limits and of its Python."""

import gc
import resource


def take_room() -> None:
    """For many sessions, when all is built."""
    # A session is a descriptor, and so is each copy that is being written. epoll does not mind how many there are.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # A session in plain text is part of no cycle once it has ended: a collection for each seven hundred objects of a flood finds
    # nothing, and costs a fourteenth of a refused RCPT (benchmarks, reject-580-pipelined). Each is a pause for everybody, so there
    # are few, and what is there by now takes no part in them. Sessions under TLS: net.litter.
    gc.set_threshold(50_000, 10, 10)
    gc.collect()
    gc.freeze()
