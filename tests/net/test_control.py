"""The control socket: what an operator's command is answered, and who else may not have the socket."""

import json
import os
import socket
import stat

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.control import AnotherServer, Control, ControlSettings, Refused, clear_way, listen


class TestAnswers(SynchronousTestCase):
    def setUp(self):
        self.slow = Deferred()

        def refuse(arguments):
            raise Refused("not today")

        def fail(arguments):
            raise KeyError("secret")

        def unsayable(arguments):
            return {"backend": object()}

        async def later(arguments):
            return await self.slow

        commands = {"echo": lambda arguments: arguments, "no": refuse, "fault": fail, "later": later, "odd": unsayable}
        self.control = Control(commands)
        self.connection = self.control.buildProtocol(None)
        self.transport = StringTransport()
        self.connection.makeConnection(self.transport)

    def say(self, line):
        self.transport.clear()
        self.connection.dataReceived(line + b"\n")
        return [json.loads(answer) for answer in self.transport.value().splitlines()]

    def test_a_command_is_answered_in_one_line(self):
        """One object in, one object out."""
        said = self.say(b'{"command": "echo", "arguments": {"a": "\\u00e4\\n"}}')
        self.assertEqual(said, [{"ok": True, "result": {"a": "ä\n"}}])

    def test_arguments_may_be_left_out(self):
        """Most commands have none."""
        self.assertEqual(self.say(b'{"command": "echo"}'), [{"ok": True, "result": {}}])

    def test_what_is_no_request_is_answered_with_what_one_is(self):
        """Somebody types into it by hand, one day."""
        for line, words in (
            (b"status", "one JSON object a line"),
            (b"[" * 5000, "one JSON object a line"),
            (b"\xff", "one JSON object a line"),
            (b"[]", '"command"'),
            (b'{"command": 1}', '"command"'),
            (b'{"command": "echo", "arguments": []}', '"arguments" is an object'),
            (b'{"command": "halt"}', "this server knows echo, fault, later, no, odd"),
        ):
            (answer,) = self.say(line)
            self.assertFalse(answer["ok"])
            self.assertIn(words, answer["error"])

    def test_a_refusal_is_in_the_words_of_the_command(self):
        """They are written for the operator."""
        self.assertEqual(self.say(b'{"command": "no"}'), [{"ok": False, "error": "not today"}])

    def test_a_fault_of_ours_is_in_the_log_and_only_a_word_of_it_here(self):
        """The traceback belongs to the maintainer."""
        (answer,) = self.say(b'{"command": "fault"}')
        self.assertNotIn("secret", answer["error"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_result_that_json_cannot_say_is_a_fault_of_ours_too(self):
        """Who asked is not left waiting."""
        (answer,) = self.say(b'{"command": "odd"}')
        self.assertIn("fault of the server", answer["error"])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_answers_come_in_the_order_of_the_commands(self):
        """Else a client could not tell which is which."""
        self.assertEqual(self.say(b'{"command": "later"}\n{"command": "echo"}'), [])
        self.slow.callback("done")
        said = [json.loads(answer)["result"] for answer in self.transport.value().splitlines()]
        self.assertEqual(said, ["done", {}])

    def test_who_leaves_before_the_answer_leaves_the_others_alone(self):
        """An operator's ^C is no fault."""
        self.say(b'{"command": "later"}\n{"command": "echo"}')
        self.connection.connectionLost()
        self.slow.callback("done")
        self.assertEqual(self.control.connections, 0)

    def test_commands_without_end_are_not_kept(self):
        """Every table is bounded, also this one."""
        self.say(b'{"command": "later"}')
        said = self.say(b'{"command": "echo"}\n' * 17)
        self.assertIn("wait for the answers", said[-1]["error"])
        self.assertTrue(self.transport.disconnecting)

    def test_a_line_without_end_is_not_kept_either(self):
        """64 KiB are more than any command has."""
        self.say(b"x" * 100_000)
        self.assertTrue(self.transport.disconnecting)

    def test_connections_are_bounded(self):
        """A script in a loop must not take the descriptors of mail."""
        for _ in range(31):
            self.control.buildProtocol(None).makeConnection(StringTransport())
        self.assertIsNone(self.control.buildProtocol(None))


class TestSocket(SynchronousTestCase):
    def setUp(self):
        folder = self.mktemp()
        os.makedirs(folder)
        self.path = os.path.relpath(os.path.join(folder, "s"))  # a Unix socket's name has 108 octets

    def listening(self, mode=0o600):
        from twisted.internet import reactor

        port = listen(reactor, self.path, mode, Control({}))
        self.addCleanup(port.stopListening)
        return port

    def test_it_has_its_permissions_from_the_beginning(self):
        """Whoever may write to it may command the server."""
        folder = self.path
        for umask in (0o000, 0o077):
            self.path = f"{folder}{umask}"
            before = os.umask(umask)
            try:
                self.listening(0o660)
                self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)
                self.assertEqual(os.umask(umask), umask)
            finally:
                os.umask(before)

    def test_what_a_killed_server_left_is_removed(self):
        """Else nobody could start it again."""
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(self.path)
        self.listening()

    def test_two_servers_cannot_have_one_socket(self):
        """They would have one data folder, too."""
        self.listening()
        self.assertRaises(AnotherServer, clear_way, self.path)

    def test_a_file_that_is_no_socket_is_left_alone(self):
        """A wrong path in the settings must not cost somebody's file."""
        with open(self.path, "w") as file:
            file.write("precious")
        self.assertRaises(FileExistsError, clear_way, self.path)
        with open(self.path) as file:
            self.assertEqual(file.read(), "precious")


class TestSettings(SynchronousTestCase):
    def test_permissions_are_octal(self):
        """0600 and 600 are the same; 0o600, rw and 9 are not."""
        for good in ("0600", "660"):
            ControlSettings(mode=good)
        for bad in ("rw", "9", "", "7777", "-1"):
            self.assertRaises(ValueError, ControlSettings, mode=bad)
