"""Handshakes in memory: two connections of OpenSSL, and a hand that carries octets from one to the other."""

from OpenSSL import SSL


def client_context(maximum=None, ciphers=None, certificate=None, key=None, chain=()):
    """What a peer has. `certificate` and `key`: its own, when it is asked for one."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_info_callback(lambda client, where, result: client.get_app_data().append(client.get_state_string()))
    if maximum is not None:
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_max_proto_version(maximum)
    if ciphers is not None:
        context.set_cipher_list(ciphers)
    if certificate is not None:
        context.use_certificate(certificate)
        for each in chain:
            context.add_extra_chain_cert(each)
        context.use_privatekey(key)
    return context


class Handshake:
    """One, as far as it gets. `creator`: makes the server's connection. `failure`: why the server gave up, `alert`: what the
    client heard of it, both None when it was completed."""

    def __init__(self, creator, context=None, name=None, session=None):
        self.server = creator.serverConnectionForTLS(None)
        self.server.set_accept_state()
        self.client = SSL.Connection(context or client_context(), None)
        self.client.set_connect_state()
        if name is not None:
            self.client.set_tlsext_host_name(name)
        if session is not None:
            self.client.set_session(session)
        self.states = []
        self.failure = None
        self.alert = None
        self.client.set_app_data(self.states)
        self.exchange()

    def exchange(self):
        """All that both have to say now."""
        for _ in range(6):
            self.alert = self.alert or attempted(self.client.do_handshake)
            carry(self.client, self.server)
            self.failure = self.failure or attempted(self.server.do_handshake)
            attempted(lambda: self.server.recv(9))
            carry(self.server, self.client)
            # In TLS 1.3 the client is done before the server has judged its certificate, and hears of it afterwards.
            self.alert = self.alert or attempted(lambda: self.client.recv(9))

    @property
    def certificate(self):
        """What the server showed."""
        return self.client.get_peer_certificate().to_cryptography()

    @property
    def resumed(self):
        """The server showed nothing, for both knew one another."""
        return not any(b"read server certificate" in state for state in self.states)


def attempted(step):
    """The words of OpenSSL for why `step` failed, None when it did not, or waits for octets."""
    try:
        step()
    except SSL.WantReadError:
        return None
    except SSL.Error as error:
        stack = error.args[0] if error.args else None  # of a SysCallError it is a number
        return stack[-1][-1] if isinstance(stack, list) and stack else str(error)
    return None


def carry(one, other):
    """Whatever `one` has to send."""
    try:
        octets = one.bio_read(65536)
    except SSL.WantReadError:
        return
    other.bio_write(octets)
