"""The other end of a Unix datagram socket, in place of journald or syslog: a real socket, and nobody behind it."""

import os
import socket


class Receiver:
    """Bound to `path`. A relative path keeps within the hundred octets that a Unix socket's may have."""

    def __init__(self, path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.setblocking(False)

    def receive(self):
        """All datagrams that wait; of one that brought a file, what is in the file."""
        received = []
        while True:
            try:
                octets, descriptors, _, _ = socket.recv_fds(self._socket, 1 << 20, 1)
            except BlockingIOError:
                return received
            for descriptor in descriptors:
                octets += os.pread(descriptor, 1 << 24, 0)
                os.close(descriptor)
            received.append(octets)

    def close(self):
        """Gone, and the name with it."""
        self._socket.close()
        os.unlink(self.path)
