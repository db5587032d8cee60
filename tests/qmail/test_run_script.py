"""Run scripts as hosts have them, read and never run."""

import os

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.chain import of_flag
from twistedmx.qmail.run_script import BadScript, RunScript, parse_run_script, read_run_script
from twistedmx.qmail.shell_words import MOST_OCTETS
from twistedmx.qmail.standings import Standing

USUAL = rb"""#!/bin/sh
QMAILDUID=`id -u vpopmail`
NOFILESGID=$(id -g vpopmail)
MAXSMTPD=`cat CONTROL/concurrencyincoming`
LOCAL=$(head -1 CONTROL/me)
if [ -z "$QMAILDUID" -o -z "$NOFILESGID" ]; then
    export NEVER=perhaps; exit 1
fi
export SMTPD_GREETDELAY="15" DROP_PRE_GREET=1   # and wait
CHKUSER_START='ALWAYS'; export CHKUSER_START
QMAILHOME=/var/qmail
export QMAILQUEUE=$QMAILHOME/bin/simscan
[ -r spf ] && export SPFBEHAVIOR=3
cat <<END
export NOT=this
END
exec softlimit -m 30000000 \
    /usr/local/bin/tcpserver -vRHl "$LOCAL" -x /etc/tcp.smtp.cdb -c "$MAXSMTPD" -b20 \
        -u "$QMAILDUID" -g "$NOFILESGID" 0 smtp \
    rblsmtpd -r zen.example qmail-smtpd mx.example /bin/vchkpw /bin/true 2>&1
"""


def read(text: bytes) -> RunScript:
    return parse_run_script(text, "run")


def exported(text: bytes) -> dict[str, str | None]:
    return {each.name: each.value for each in read(text).exports}


class TestExports(SynchronousTestCase):
    def test_each_way_of_exporting_is_found_with_its_line(self):
        found = {each.name: (each.line, each.value, each.certain) for each in read(USUAL).exports}
        self.assertEqual(
            found,
            {
                "NEVER": (7, "perhaps", False),
                "SMTPD_GREETDELAY": (9, "15", True),
                "DROP_PRE_GREET": (9, "1", True),
                "CHKUSER_START": (10, "ALWAYS", True),
                "QMAILQUEUE": (12, "/var/qmail/bin/simscan", True),
                "SPFBEHAVIOR": (13, "3", False),
            },
        )

    def test_quotes_and_backslashes_are_those_of_sh(self):
        self.assertEqual(exported(b'export A=\'a b\'"c\\"\\d"\\ e\n'), {"A": 'a bc"\\d e'})
        self.assertEqual(exported(b"export A= B=''\n"), {"A": "", "B": ""})
        self.assertEqual(exported(b"#export A=1\necho '\nexport B=2'\n"), {})

    def test_no_value_has_a_nul(self):
        """It would be no name of a file, and no variable can have one."""
        self.assertEqual(exported(b"export A=/\0a\n"), {"A": "/a"})

    def test_what_only_a_run_would_tell_is_not_guessed(self):
        (export,) = read(b"export A=x`date`$NOBODY\n").exports
        self.assertEqual((export.value, export.shown), (None, "x$(date)$NOBODY"))

    def test_variables_before_the_program_and_of_env_count_as_well(self):
        self.assertEqual(exported(b"A=1 exec env B=2 tcpserver 0 25 qmail-smtpd\n"), {"A": "1", "B": "2"})
        self.assertEqual(exported(b"A=1 ls\n"), {})

    def test_set_a_exports_all_and_unset_takes_away(self):
        self.assertEqual(exported(b"A=1\nset -a\nB=2\nexport A\nunset B\n"), {"A": "1"})

    def test_a_variable_that_grows_does_not_grow_for_ever(self):
        """A=$A$A sixty times would be more octets than there are."""
        text = b"A=xy\n" + b"A=$A$A\n" * 60 + b"export A\n"
        (export,) = read(text).exports
        self.assertLess(len(export.shown), 10_000)

    def test_files_of_variables_are_told(self):
        script = read(b". ./settings\nexec envdir ./env tcpserver 0 25 qmail-smtpd\n")
        self.assertEqual(script.unread, ((1, ". ./settings"), (2, "envdir ./env")))


class TestFlags(SynchronousTestCase):
    def test_the_flags_of_tcpserver_are_read_as_getopt_reads_them(self):
        flags = {step.flag: step.asked for step in read(USUAL).steps if step.flag}
        self.assertEqual(
            flags,
            {
                "-v": "",
                "-R": "",
                "-H": "",
                "-l": "$(head -1 CONTROL/me)",
                "-x": "/etc/tcp.smtp.cdb",
                "-c": "$(cat CONTROL/concurrencyincoming)",
                "-b": "20",
                "-u": "vpopmail",
                "-g": "vpopmail",
                "host port": "0 smtp",
            },
        )

    def test_programs_stand_in_their_order_with_their_words(self):
        programs = [(step.name, step.value) for step in read(USUAL).steps if not step.flag]
        self.assertEqual(
            programs,
            [
                ("softlimit", "-m 30000000"),
                ("tcpserver", ""),
                ("rblsmtpd", "-r zen.example"),
                ("qmail-smtpd", "mx.example /bin/vchkpw /bin/true"),
            ],
        )

    def test_a_file_that_is_printed_is_looked_at(self):
        control = self.mktemp()
        os.mkdir(control)
        with open(os.path.join(control, "concurrencyincoming"), "wb") as file:
            file.write(b"30\n")
        flag = read(USUAL.replace(b"CONTROL", control.encode())).flag("c")
        assert flag is not None
        self.assertEqual(flag.asked, "30")

    def test_each_has_its_standing(self):
        for flag, value, standing, words in (
            ("-x", "/r", Standing.HONOURED, '[qmail] rules = "/r"'),
            ("-l", "0", Standing.HONOURED, "no own name is looked up"),
            ("-b", "20", Standing.HONOURED, "backlog = 20"),
            ("host port", "0 smtp", Standing.WITH_A_DIFFERENCE, 'listen = ["tcp:25"]'),
            ("host port", "192.0.2.1 465", Standing.WITH_A_DIFFERENCE, 'listen_tls = ["tcp:465:interface=192.0.2.1"]'),
        ):
            self.assertEqual(of_flag("tcpserver", flag, value), (standing, words))
        self.assertEqual(of_flag("tcpserver", "-Z", "")[0], Standing.UNKNOWN)
        self.assertEqual(of_flag("tcpserver", "-h", "")[0], Standing.NOT_SUPPORTED)


class TestFiles(SynchronousTestCase):
    def test_what_is_no_script_is_told_with_the_remedy(self):
        path = self.mktemp()
        error = self.assertRaises(BadScript, read_run_script, path)
        self.assertEqual(
            str(error),
            f"{path}: cannot be read: No such file or directory; name the run script, as /service/qmail-smtpd/run",
        )
        with open(path, "wb") as file:
            file.write(b"x" * (MOST_OCTETS + 1))
        self.assertIn("is longer than", str(self.assertRaises(BadScript, read_run_script, path)))
        self.assertRaises(BadScript, read_run_script, os.path.dirname(os.path.abspath(path)))
