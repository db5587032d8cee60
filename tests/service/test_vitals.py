"""What is read of a machine, and what is said when it cannot be."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.service.kernel_files import MEMINFO, KernelFiles
from tests.service.test_recording import no_load, warnings_of
from twistedmx.model.vitals import Vitals
from twistedmx.service.vitals import MachineVitals


class Machine(SynchronousTestCase):
    def setUp(self):
        self.files = KernelFiles(self.mktemp())
        self.average = 1.0
        self.getloadavg = lambda: (self.average, 0.0, 0.0)
        self.lag = None
        self.vitals = MachineVitals(
            self.files.root,
            getloadavg=lambda: self.getloadavg(),
            cpus=lambda: 4,
            allowed_cpus=lambda: 3,
            lag=lambda: self.lag,
            free_descriptors=lambda now: self.free_descriptors(now),
        )
        self.free_descriptors = lambda now: 900
        self.warnings = warnings_of(self)
        self.now = 1000.0

    def read(self, after=1.0):
        self.now += after
        return self.vitals.read(self.now)

    def running(self, tasks):
        self.files.write("proc/loadavg", f"1.00 0.50 0.25 {tasks}/88 32121\n")


class TestTheMachine(Machine):
    def test_all_of_it(self):
        """For each CPU of the machine, whatever we may have of them; without us, who read."""
        self.lag = 0.25
        self.running(3)
        self.assertEqual(
            self.read(),
            Vitals(load=0.25, runnable=0.5, lag=0.25, free_memory=0.75, throttled=None, free_descriptors=900),
        )
        self.assertEqual(self.warnings, [])

    def test_the_load_is_what_it_is_at_present(self):
        """The average says 2.3 of 4 tasks and 1.3 then; there are eight."""
        self.read()
        for _ in range(30):
            self.read()
        for _ in range(3):
            self.average = (self.average * 1884 + 8 * 164) / 2048
            self.read(5.0)
        self.assertLess(self.average, 3.0)
        self.assertAlmostEqual(self.read().load, 2.0)

    def test_runnable_is_the_mean_of_the_samples_since_the_last_reading(self):
        """The reading takes one too, so there is always one."""
        for tasks in (9, 5, 1):
            self.running(tasks)
            self.vitals.sample()
        self.running(1)
        self.assertEqual(self.read().runnable, 12 / 4 / 4)
        self.assertEqual(self.read().runnable, 0.0)

    def test_what_cannot_be_read_is_left_out_with_one_warning_each_and_used_again(self):
        """The file and the reason are named."""
        self.files.remove("proc/loadavg")
        self.files.remove("proc/self/cgroup")
        self.files.write("proc/meminfo", MEMINFO.replace("MemAvailable", "Mem"))
        self.getloadavg, self.free_descriptors = no_load, lambda now: no_load()
        for _ in range(70):
            self.assertEqual(self.read(), Vitals())
        said = "\n".join(self.warnings)
        self.assertEqual(len(self.warnings), 5, said)
        self.assertIn(f"tasks that are runnable cannot be read ({self.files.root}/proc/loadavg: No such file", said)
        self.assertIn("the load average cannot be read (No such file or directory)", said)
        self.assertIn(f"{self.files.root}/proc/meminfo: has no MemAvailable", said)
        self.files.write("proc/meminfo", MEMINFO)
        self.running(5)
        self.getloadavg, self.free_descriptors = (lambda: (8.0, 0.0, 0.0)), (lambda now: 7)
        self.assertEqual(self.read(), Vitals(load=2.0, runnable=1.0, free_memory=0.75, free_descriptors=7))
        self.assertEqual(len(self.warnings), 5)

    def test_nonsense_is_left_out(self):
        """As a file system in between may make it."""
        for meminfo in ("", "MemTotal: 0 kB\nMemAvailable: 1 kB\n", "MemTotal: -1 kB\nMemAvailable: 1 kB\n"):
            self.files.write("proc/meminfo", meminfo)
            self.files.write("proc/loadavg", "1.00 0.50 0.25 1\n")
            self.assertEqual(self.read(), Vitals(load=0.25, free_descriptors=900))
        self.assertEqual(len(self.warnings), 2)

    def test_a_file_that_opens_and_cannot_be_read_is_named(self):
        """A folder is one; a hardened kernel has others."""
        self.files.remove("proc/meminfo")
        os.mkdir(self.files.root / "proc/meminfo")
        self.assertIsNone(self.read().free_memory)
        self.assertIn(f"{self.files.root}/proc/meminfo: Is a directory", self.warnings[0])

    def test_this_machine_can_be_read(self):
        """The files as they are, wherever the tests run: none of them is nonsense."""
        vitals = MachineVitals()
        vitals.read(1.0)
        read = vitals.read(2.0)
        self.assertIsNotNone(read.free_descriptors)
        self.assertGreater(vitals.effective_cpus, 0)
        self.assertEqual([warning for warning in self.warnings if "No such file" not in warning], [])


class TestVersion2(Machine):
    def setUp(self):
        super().setUp()
        self.files.write("proc/self/cgroup", "0::/mail.slice/mx.service\n")
        self.files.group_2("/")
        self.files.group_2("/mail.slice", memory_max="max\n", cpu_max="max 100000\n")
        self.group()

    def group(self, path="/mail.slice/mx.service", **files):
        some = {
            "memory_max": "1000000\n",
            "memory_high": "max\n",
            "memory_current": "900000\n",
            "memory_stat": "anon 5\ninactive_file 300000\nactive_file 7\n",
            "cpu_max": "50000 100000\n",
            "cpu_stat": "usage_usec 1\nthrottled_usec 0\n",
        }
        self.files.group_2(path, **{**some, **files})

    def throttled(self, seconds, path="/mail.slice/mx.service"):
        self.files.group_2(path, cpu_stat=f"usage_usec 1\nthrottled_usec {round(seconds * 1e6)}\n")

    def test_memory_is_what_is_scarcest(self):
        """Files that nobody used lately are given back first: they count as free."""
        self.assertAlmostEqual(self.read().free_memory, 0.4)
        self.files.write("proc/meminfo", MEMINFO.replace("6000000", " 800000"))
        self.assertAlmostEqual(self.read().free_memory, 0.1)
        self.files.remove("proc/meminfo")
        self.assertAlmostEqual(self.read().free_memory, 0.4)

    def test_a_group_above_ours_limits_us_too(self):
        """A slice, or a pod."""
        self.group("/mail.slice", memory_max="2000000\n", memory_current="2200000\n", cpu_max="25000 100000\n")
        self.assertAlmostEqual(self.read().free_memory, 0.05)
        self.assertEqual(self.vitals.effective_cpus, 0.25)
        self.throttled(0.25, "/mail.slice")
        self.throttled(0.1)
        self.assertAlmostEqual(self.read().throttled, 0.25)

    def test_above_high_a_group_is_slowed_before_it_is_full(self):
        """systemd's MemoryHigh= is the limit then."""
        self.group(memory_high="800000\n")
        self.assertAlmostEqual(self.read().free_memory, 0.25)
        self.group(memory_high="0\n")
        self.assertEqual(self.read(61).free_memory, 0.0)

    def test_throttled_is_the_share_since_the_last_reading(self):
        """Unknown at first; several CPUs that are held back at once are no more than all the time."""
        self.throttled(10)
        self.assertIsNone(self.read().throttled)
        self.throttled(10.5)
        self.assertAlmostEqual(self.read(2.0).throttled, 0.25)
        self.assertEqual(self.read().throttled, 0.0)
        self.throttled(14)
        self.assertEqual(self.read().throttled, 1.0)
        self.throttled(0)
        self.assertEqual(self.read().throttled, 0.0, "another group of the same name")
        self.throttled(1)
        self.assertIsNone(self.read(0.0).throttled, "no time has passed")

    def test_effective_cpus(self):
        """The quota, what we may run on, and the machine's: the least of them; also before anything was read."""
        self.assertEqual(self.vitals.effective_cpus, 0.5)
        self.group(cpu_max="1000000 100000\n")
        self.read()
        self.assertEqual(self.vitals.effective_cpus, 3)

    def test_limits_that_change_are_seen_within_a_minute(self):
        """They are read seldom, what they are compared with each time."""
        self.read()
        self.group(memory_max="max\n", cpu_max="max 100000\n")
        read = self.read(61.0)
        self.assertEqual((read.free_memory, read.throttled), (0.75, None))
        self.assertEqual(self.warnings, [])

    def test_a_group_that_cannot_be_read_is_left_out(self):
        """And the machine's memory counts still."""
        self.read()
        self.files.remove("sys/fs/cgroup/mail.slice/mx.service/memory.current")
        self.files.write("sys/fs/cgroup/mail.slice/mx.service/cpu.stat", "nonsense\n")
        for _ in range(130):
            read = self.read()
            self.assertEqual((read.free_memory, read.throttled), (0.75, None))
        self.assertEqual(len(self.warnings), 2, self.warnings)
        self.group()
        self.assertAlmostEqual(self.read().free_memory, 0.4)

    def test_limits_that_cannot_be_read_any_more_hold_as_they_were(self):
        """As when no descriptor is free, in a flood."""
        self.read()
        self.files.write("sys/fs/cgroup/mail.slice/mx.service/memory.max", "much\n")
        self.files.write("proc/self/cgroup", "nonsense\n")
        self.assertAlmostEqual(self.read(61).free_memory, 0.4)
        self.files.write("proc/self/cgroup", "0::/mail.slice/mx.service\n")
        self.assertAlmostEqual(self.read(61).free_memory, 0.4)
        self.assertEqual(len(self.warnings), 2, self.warnings)

    def test_in_a_container_the_top_is_our_group(self):
        """Its path may begin with folders of the host, which cannot be seen, or lie outside."""
        self.files.group_2("/", memory_max="1000\n", memory_current="900\n", memory_stat="inactive_file 0\n")
        for path in ("/", "/../../other", "/docker/0123abc"):
            self.files.write("proc/self/cgroup", f"0::{path}\n")
            self.assertAlmostEqual(self.read(61).free_memory, 0.1)
        self.files.write("proc/self/cgroup", "0::/docker/0123abc/mail.slice/mx.service\n")
        self.assertAlmostEqual(self.read(61).free_memory, 0.1)
        self.assertEqual(self.vitals.effective_cpus, 0.5)


class TestVersion1(Machine):
    def setUp(self):
        super().setUp()
        self.files.write(
            "proc/self/cgroup",
            "12:memory:/mail\n4:cpu,cpuacct:/mail\n1:name=systemd:/mail\n0::/mail\n",
        )
        self.files.group_1("memory", memory_limit_in_bytes="9223372036854771712\n")
        self.files.group_1(
            "memory",
            "/mail",
            memory_limit_in_bytes="1000000\n",
            memory_usage_in_bytes="900000\n",
            memory_stat="inactive_file 1\ntotal_inactive_file 100000\n",
        )
        self.files.group_1("cpu,cpuacct", cpu_cfs_quota_us="-1\n")
        self.files.group_1(
            "cpu,cpuacct",
            "/mail",
            cpu_cfs_quota_us="150000\n",
            cpu_cfs_period_us="100000\n",
            cpu_stat="throttled_time 0\n",
        )

    def test_its_files(self):
        """The same figures under other names: nanoseconds, and a limit that is none."""
        self.read()
        self.files.group_1("cpu,cpuacct", "/mail", cpu_stat="nr_periods 1\nthrottled_time 250000000\n")
        read = self.read()
        self.assertAlmostEqual(read.free_memory, 0.2)
        self.assertAlmostEqual(read.throttled, 0.25)
        self.assertEqual(self.vitals.effective_cpus, 1.5)
        self.assertEqual(self.warnings, [])

    def test_both_versions_side_by_side(self):
        """What version 1 does not have is looked for in version 2, which is mounted beside it."""
        self.files.write("proc/self/cgroup", "12:memory:/mail\n0::/mx\n")
        self.files.group_2(
            "/mx", mount="sys/fs/cgroup/unified", cpu_max="20000 100000\n", cpu_stat="throttled_usec 0\n"
        )
        read = self.read()
        self.assertAlmostEqual(read.free_memory, 0.2)
        self.assertEqual(self.vitals.effective_cpus, 0.2)
        self.assertEqual(self.warnings, [])

    def test_a_hierarchy_that_is_not_mounted_is_told(self):
        """A chroot, or a container without /sys."""
        self.files.write("proc/self/cgroup", "12:memory:/mail\n9:cpu:/\n")
        self.files.group_1("memory", "/mail", memory_limit_in_bytes="9223372036854771712\n")
        self.assertEqual(self.read().free_memory, 0.75)
        self.assertEqual(len(self.warnings), 1)
        self.assertIn(f"{self.files.root}/sys/fs/cgroup/cpu: No such file or directory", self.warnings[0])
