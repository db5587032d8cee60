"""The name service of glibc while one of its services is down."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

_DOWN = """\
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
enum nss_status _nss_down_getpwnam_r(const char *name, struct passwd *entry, char *texts, size_t size, int *error)
{ *error = ECONNREFUSED; return NSS_STATUS_UNAVAIL; }
"""
_ASK = """\
from twistedmx.mailbox.name_service import user_named
for name in ("root", "nobody-has-this-name"):
    try:
        print(user_named(name).pw_uid)
    except (KeyError, OSError) as error:
        print(type(error).__name__)
"""


class TestServiceThatIsDown(SynchronousTestCase):
    """The real thing: behind the files stands a service that is not available, in a mount namespace of its own."""

    def test_a_user_who_is_not_in_the_files_cannot_be_told(self) -> None:
        """Python alone would say that there is no such user, and her mail would be refused for good."""
        compiler, unshare = shutil.which("cc"), shutil.which("unshare")
        if compiler is None or unshare is None or os.getuid() != 0 or not Path("/etc/nsswitch.conf").exists():
            raise SkipTest("needs a C compiler, unshare(1), root and glibc")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "down.c").write_text(_DOWN)
        (folder / "nsswitch.conf").write_text("passwd: files down\n")
        library = str(folder / "libnss_down.so.2")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, str(folder / "down.c")], check=True)
        script = 'mount --bind "$1" /etc/nsswitch.conf && exec "$2" -c "$3"'
        asked = subprocess.run(
            [unshare, "--mount", "sh", "-c", script, "sh", str(folder / "nsswitch.conf"), sys.executable, _ASK],
            env={**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        if "mount:" in asked.stderr or "unshare:" in asked.stderr:
            raise SkipTest(asked.stderr)
        self.assertEqual(asked.stdout.split(), ["0", "ConnectionRefusedError"], asked.stderr)
