"""A machine's files, as a folder with proc/ and sys/ in it."""

from pathlib import Path

MEMINFO = """\
MemTotal:        8000000 kB
MemFree:          100000 kB
MemAvailable:    6000000 kB
Buffers:          414900 kB
"""


class KernelFiles:
    """`root`: where they are. At first there is a machine without cgroups, idle but for who reads."""

    def __init__(self, root):
        self.root = Path(root)
        self.write("proc/loadavg", "1.00 0.50 0.25 1/88 32121\n")
        self.write("proc/meminfo", MEMINFO)
        self.write("proc/self/cgroup", "")

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")

    def remove(self, name):
        (self.root / name).unlink()

    def group_2(self, path="/", *, mount="sys/fs/cgroup", **files):
        """A group of version 2. `files`: their content, with `_` for the dot."""
        self.write(f"{mount}/cgroup.controllers", "cpu memory\n")
        self._group(mount + path, files)

    def group_1(self, controller, path="/", **files):
        """A group of version 1. `files`: their content, with `_` for the first `.` of the name."""
        self._group(f"sys/fs/cgroup/{controller}{path}", files)

    def _group(self, folder, files):
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            self.write(f"{folder}/{name.replace('_', '.', 1)}", content)
