"""A PostgreSQL server of our own: a cluster in a folder, a Unix socket in it, no TCP."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile

from twisted.trial.unittest import SkipTest


class PostgresServer:
    """`uri`: of its one database. Not running yet. Raises SkipTest where it cannot be had."""

    def __init__(self) -> None:
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise SkipTest("PostgreSQL is not installed: apt-get install postgresql")
        self._programs = os.path.dirname(found[-1])
        self._as_user: list[str] = []
        # Short: the name of a Unix socket has 107 octets at most.
        self._folder = tempfile.mkdtemp(prefix="pg")
        self.user = pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:  # which PostgreSQL refuses to run as
            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                self.remove()
                raise SkipTest("root cannot run PostgreSQL, and there is no user postgres") from None
            setpriv = shutil.which("setpriv")
            if setpriv is None:
                self.remove()
                raise SkipTest("setpriv is not installed: apt-get install util-linux")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as_user = [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            self.user = "postgres"
        self._data = os.path.join(self._folder, "data")
        self._run("initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--username", self.user)
        self.uri = f"postgresql://{self.user}@/postgres?host={self._folder}"

    def start(self) -> None:
        """It answers when this returns. Harmless when it runs."""
        if self._runs():
            return
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--log", os.path.join(self._folder, "log"), "--options", options)

    def kill(self) -> None:
        """As a power cut does."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")

    def remove(self) -> None:
        """Stop it, if it runs, and leave nothing behind."""
        if self._runs():
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _runs(self) -> bool:
        return os.path.exists(os.path.join(self._folder, "data", "postmaster.pid"))

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [*self._as_user, os.path.join(self._programs, program), "--pgdata", self._data, *words],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
