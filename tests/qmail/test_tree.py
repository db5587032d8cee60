"""The tree for tests and documents: it is what it says, and another program can read its databases."""

import contextlib
import io
import os
import shutil
import subprocess
from unittest import SkipTest

from tests.qmail.tree import TreeTest
from twistedmx.qmail.cdb import Cdb
from twistedmx.testing.qmail_tree import main


class TestTree(TreeTest):
    """`python -m twistedmx.testing.qmail_tree DIR`."""

    def test_it_is_made_once(self) -> None:
        """A folder that has anything in it is left alone."""
        folder = self.mktemp()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(main([folder]), 0)
        self.assertIn("is made", said.getvalue())
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(main([folder]), 1)
        self.assertIn("is not empty", said.getvalue())

    def test_its_databases_are_those_of_cdb(self) -> None:
        """Every record, as tinycdb finds it."""
        program = shutil.which("cdb")
        if program is None:
            raise SkipTest("the program cdb is not installed (tinycdb)")
        for path in (self.path("users", "cdb"), self.tree.domain("example.org", "vpasswd.cdb")):
            cdb = Cdb(path)
            self.addCleanup(cdb.close)
            for key, found in cdb.items():
                if b"\0" in key:
                    continue  # no argument of a program
                asked = subprocess.run([program, "-q", path, key], capture_output=True, check=True, timeout=10)
                self.assertEqual(asked.stdout, found)

    def test_no_mailbox_in_it_is_roots_and_users_is_where_root_has_made_it(self) -> None:
        """qmail delivers nothing as root; and as others by what is root's alone, as an installed qmail has it."""
        owners = {
            os.stat(self.path(*names)).st_uid for names in ((), ("users",), ("users", "cdb"), ("users", "assign"))
        }
        self.assertEqual(owners, {os.geteuid()})
        for below in ("alias", "home", "vpopmail", "control"):
            for folder, _, files in os.walk(self.path(below)):
                for name in ("", *files):
                    self.assertEqual(os.stat(os.path.join(folder, name)).st_uid, self.tree.uid)
        self.assertNotEqual(self.tree.uid, 0)
