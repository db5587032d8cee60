"""A server of aiosmtpd: PORT FOLDER CERTIFICATE KEY. Recipients in a set; messages go into a Maildir of the standard library."""

import asyncio
import mailbox
import ssl
import sys

from aiosmtpd.smtp import SMTP

from benchmarks.peers.peer import DOMAIN, HOST, local_parts

_KNOWN = frozenset(f"{local}@{DOMAIN}" for local in local_parts())


class _Deliveries:
    def __init__(self, folder: str) -> None:
        self._maildir = mailbox.Maildir(folder)

    async def handle_RCPT(self, server, session, envelope, address, options):  # type: ignore[no-untyped-def]
        if address not in _KNOWN:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):  # type: ignore[no-untyped-def]
        self._maildir.add(envelope.content)
        return "250 2.0.0 ok"


async def _serve(port: str, folder: str, certificate: str, key: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    deliveries = _Deliveries(folder)

    def protocol() -> SMTP:
        return SMTP(deliveries, hostname=HOST, tls_context=context, data_size_limit=64 << 20)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", int(port), backlog=4096)
    await server.serve_forever()


def main() -> None:
    asyncio.run(_serve(*sys.argv[1:]))


if __name__ == "__main__":
    main()
