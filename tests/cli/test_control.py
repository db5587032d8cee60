"""The client of the control socket: an answer, or words that say why there is none."""

import json
import os
import socket

from tests.cli.calling import Calling
from twistedmx.cli.control import NoServer, Refused, Unreachable, ask


class TestAsk(Calling):
    def unreachable(self, kind=Unreachable, **more):
        return str(self.assertRaises(kind, ask, self.socket, "status", **more))

    def test_a_result_comes_as_it_is(self):
        """The arguments are heard, and None is a result as well."""
        self.serve(echo=lambda arguments: dict(arguments), nothing=None)
        self.assertEqual(ask(self.socket, "echo", {"a": ["ü", 1]}), {"a": ["ü", 1]})
        self.assertIsNone(ask(self.socket, "nothing"))

    def test_an_answer_may_be_long_and_in_pieces(self):
        """A status of a thousand domains does not fit into one packet."""
        self.serve(status={"domains": ["x" * 60] * 20_000})
        self.assertEqual(len(ask(self.socket, "status")["domains"]), 20_000)

    def test_what_the_server_refuses_is_in_its_words(self):
        """They are for the operator."""
        self.serve_octets(lambda line: b'{"ok": false, "error": "a\\nb"}\n')
        self.assertEqual(str(self.assertRaises(Refused, ask, self.socket, "reload")), "a\nb")

    def test_no_socket_is_no_server(self):
        """The first thing that everybody meets."""
        self.assertIn(f"{self.socket}: no server runs there; start it", self.unreachable(NoServer))

    def test_a_socket_that_was_left_behind_is_no_server(self):
        """A killed server removes nothing."""
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(self.socket)
        self.assertIn("nobody answers; the server has ended", self.unreachable(NoServer))

    def test_without_the_right_to_ask_it_is_told_who_has_it(self):
        """It may run well: that is not the same as no server."""
        if os.geteuid() == 0:
            from twistedmx.cli.control import _why

            words = str(_why("x", PermissionError(13, "Permission denied")))
        else:
            self.serve(status={})
            os.chmod(self.socket, 0)
            words = self.unreachable()
        self.assertIn("you may not; be root or the server's user, or see [control] mode", words)

    def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(self):
        """Its reactor may hang."""
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(self.socket)
            silent.listen()
            self.assertIn("no answer within 0.01 seconds", self.unreachable(within=0.01))

    def test_a_connection_that_ends_too_early_is_told(self):
        """Of a server that is being stopped."""
        for octets in (b"", b'{"ok": tr'):
            self.socket = os.path.join(self.folder, f"{len(octets)}.sock")
            self.serve_octets(lambda line, octets=octets: octets)
            self.assertIn("closed the connection without an answer", self.unreachable())

    def test_somebody_elses_socket_is_told(self):
        """--socket may name that of another program."""
        strange = [
            b"hello\n",
            b"[]\n",
            b"{}\n",
            b'{"ok": 1}\n',
            b'{"ok": false, "error": 1}\n',
            b"\xff\n",
            b"[" * 9999 + b"\n",
        ]
        for number, octets in enumerate(strange):
            self.socket = os.path.join(self.folder, f"{number}.sock")
            self.serve_octets(lambda line, octets=octets: octets)
            self.assertIn("is this the control socket of twistedmx?", self.unreachable())

    def test_an_answer_without_end_is_given_up(self):
        """Our memory is not for it."""
        self.serve_octets(lambda line: b"x" * 16_800_000)
        self.assertIn("an answer without end", self.unreachable())

    def test_a_server_that_is_too_old_is_told(self):
        """The package was upgraded, the server not yet restarted. The real server's own words are recognised."""
        self.serve(reload={})
        self.assertIn("the server there does not know 'status': it is older than this command", self.unreachable())

    def test_what_is_no_path_is_told(self):
        """A socket's name has at most 107 octets, and no NUL."""
        for path in ("x" * 200, "a\0b"):
            self.assertRaises(Unreachable, ask, path, "status")

    def test_a_request_is_one_line_of_json(self):
        """As the server reads it."""
        lines = []
        self.serve_octets(lambda line: lines.append(line) or b'{"ok": true, "result": 1}\n')
        ask(self.socket, "rcpt", {"address": "a\nb"})
        self.assertEqual(json.loads(lines[0]), {"command": "rcpt", "arguments": {"address": "a\nb"}})
