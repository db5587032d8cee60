"""Which settings file, and which socket."""

import os

from tests.cli.calling import Calling
from twistedmx.cli import where
from twistedmx.cli.control import NoServer, Unreachable
from twistedmx.net.control import ControlSettings
from twistedmx.service import qmail_start
from twistedmx.settings import Settings


class TestConfig(Calling):
    def test_the_command_line_goes_before_the_environment_before_the_usual_place(self):
        """As with every other program."""
        environment = {"TWISTEDMX_CONFIG": "/env.toml"}
        self.assertEqual(where.config_of("/named.toml", environment), "/named.toml")
        self.assertEqual(where.config_of(None, environment), "/env.toml")
        self.assertEqual(where.config_of(None, {}), "/etc/twistedmx/twistedmx.toml")


class TestSocket(Calling):
    def socket_of(self, text):
        return where.socket_of(self.write(text), named=True)

    def test_the_two_defaults_are_those_of_the_settings(self):
        """They are written twice, so that Twisted need not be loaded to know them."""
        self.assertEqual((where.DATA, where.SOCKET), (Settings().data, ControlSettings().socket))
        self.assertEqual(where.HOST_DATA, qmail_start.DATA)

    def test_it_is_in_the_data_folder_beside_the_settings_file(self):
        """Relative paths start where the server starts them."""
        for text, socket in (
            ("", f"{self.folder}/twistedmx-data/control.sock"),
            ('data = "/var/mx"', "/var/mx/control.sock"),
            ('data = "d"\n[control]\nsocket = "s"', f"{self.folder}/d/s"),
            ('[control]\nsocket = "/run/mx.sock"', "/run/mx.sock"),
        ):
            self.assertEqual(self.socket_of(text), socket)

    def test_other_faults_of_the_file_do_not_matter(self):
        """Who has just broken his settings wants to know how his server is."""
        self.assertEqual(self.socket_of('data = "/d"\nlisten = 5\ncontrol = 7'), "/d/control.sock")
        self.assertEqual(
            self.socket_of("data = 1\n[control]\nsocket = 2"), f"{self.folder}/twistedmx-data/control.sock"
        )

    def test_a_server_without_a_socket_cannot_be_asked(self):
        """It was told so."""
        error = self.assertRaises(NoServer, self.socket_of, '[control]\nsocket = ""')
        self.assertIn("control.socket is empty", str(error))

    def test_a_file_that_cannot_be_read_is_named(self):
        """With another way to say which server."""
        error = self.assertRaises(Unreachable, self.socket_of, "x")
        self.assertIn("mx.toml: is not TOML (see twistedmx check-config); name the socket with --socket", str(error))
        error = self.assertRaises(Unreachable, where.socket_of, self.folder, named=True)
        self.assertIn("cannot be read: Is a directory", str(error))
        self.assertRaises(NoServer, where.socket_of, "/nowhere/mx.toml", named=True)

    def test_without_any_settings_file_it_is_the_demo_here(self):
        """The first server that anybody starts has none."""
        self.assertEqual(
            where.socket_of("/nowhere/mx.toml", named=False), os.path.join("twistedmx-data", "control.sock")
        )
