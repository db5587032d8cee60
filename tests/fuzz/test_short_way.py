"""The short way of policy.short_way beside the long way: no peer, no log and no counter may tell which one it was."""

import itertools
from collections.abc import Sequence

import attrs
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.cuts import one_by_one
from tests.fuzz.grammar import HELLO, transactions
from tests.fuzz.test_shell import Play
from twistedmx.model.event import Event, SessionEnded
from twistedmx.policy import plugin
from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.settings import Settings, settings_from
from twistedmx.testing.policies import SCRIPTED

plugin.add(SCRIPTED)

with attrs.validators.disabled():  # smaller than an operator may set, so that each limit is met in some examples
    NARROW = Settings(
        host="mx.example.org",
        limits=LimitSettings(
            command_line=80,
            recipients=4,
            null_sender_recipients=1,
            errors=(9, 6, 3),
            idle_commands=(6, 4, 2),
            messages=(2, 2, 1),
        ),
        conduct=ConductSettings(bad_recipients=(7, 5, 1), resets=(3, 2, 1)),
    )
WIDE = Settings(
    host="mx.example.org",
    limits=LimitSettings(errors=(1000, 12, 7), idle_commands=(1000, 6, 3)),
    conduct=ConductSettings(bad_recipients=(1000,) * 3, resets=(1000,) * 3, syntax_errors=(1000,) * 3),
)


def policed(*tables):
    return attrs.evolve(WIDE, policies=settings_from({"policies": list(tables)}, "x").policies)


POLICED = policed(
    {"name": "scripted", "stages": ["mail"], "reply": "550 5.7.1 No", "of": "me.you"},
    {"name": "scripted", "stages": ["mail"], "reply": "450 4.7.1 Later", "of": "me@", "postpone": True},
    {"name": "scripted", "stages": ["helo"], "reply": "550 5.7.1 No", "of": "again", "postpone": True},
    {"name": "scripted", "stages": ["rcpt", "message"], "reply": "550 5.7.1 No", "of": "Demo", "shadow": True},
)
AT_RCPT = policed({"name": "scripted", "stages": ["rcpt"], "reply": "550 5.7.1 No", "of": "Demo"})
ALL_POLICED = policed(
    {"name": "scripted", "stages": ["refused"], "reply": "550 5.7.1 Another", "of": "guess1"},
    {"name": "scripted", "stages": ["connect"], "reply": "450 4.7.1 Later", "provisional": True, "postpone": True},
)

_local_parts = st.sampled_from(
    [
        b"x",
        b"y",
        b"nobody.1",
        b"a.b.c",
        b"A-b_c=d+e",
        b"demo",
        b"Demo",
        b"full",
        b".x",
        b"x.",
        b"x..y",
        b"x y",
        b"x" * 70,
    ]
) | st.integers(0, 99).map(lambda number: b"guess%d" % number)
_domains = st.sampled_from(
    [b"example.org", b"example.org", b"Example.ORG", b"elsewhere.example", b"-.org", b"[192.0.2.1]"]
)
_guesses = st.builds(
    lambda local, domain, end: b"RCPT TO:<" + local + b"@" + domain + end,
    _local_parts,
    _domains,
    st.sampled_from([b">\r\n"] * 12 + [b"> \r\n", b">\n", b" >\r\n", b"> NOTIFY=NEVER\r\n", b"@x>\r\n"]),
)
_counted = st.builds(
    lambda first, count: b"".join(b"RCPT TO:<guess%d@example.org>\r\n" % n for n in range(first, first + count)),
    st.integers(0, 99),
    st.integers(1, 40),
)
_runs = st.lists(_guesses, min_size=1, max_size=8).map(b"".join) | _counted
_around = st.sampled_from(
    [b"MAIL FROM:<me@example.net>\r\n"] * 4
    + [b"RSET\r\n"] * 4
    + [
        b"MAIL FROM:<>\r\n",
        b"MAIL FROM:<me@example.net> SIZE=10\r\n",
        b"mail from:<me@example.net>\r\n",
        b"MAIL FROM:<me..you@example.net>\r\n",
        b"RSET \r\n",
        b"rset\r\n",
        b"RSETTLE\r\n",
        b"NOOP\r\n",
        b"DATA\r\nhello\r\n.\r\n",
        b"STARTTLS\r\n",
        b"XCLIENT ADDR=198.51.100.9\r\n",
        b"EHLO again.example\r\n",
        b"QUIT\r\n",
        b"R",
        b"\r\n",
    ]
)
_rounds = st.builds(
    lambda sender, run, end: b"MAIL FROM:<" + sender + b">\r\n" + run + end,
    st.sampled_from([b"me@example.net"] * 4 + [b"you@example.com", b"me@-.example", b"me.@example.net", b""]),
    _counted | _guesses,
    st.sampled_from([b"RSET\r\n"] * 4 + [b"RSET \r\n", b"QUIT\r\n"]),
)
_packets = st.lists(_rounds | _runs | _around | transactions(max_size=1), min_size=1, max_size=12).map(b"".join)


_weather = st.sampled_from(["load is high", "load is low", "domain is under attack", "domain is left alone"])
_SENDER = b"MAIL FROM:<me@example.net>\r\n"
_siege = st.lists(_counted | _rounds | st.sampled_from([_SENDER, b"RSET\r\n"]), min_size=1, max_size=4).map(b"".join)


def _guesses_of(first: int, count: int) -> bytes:
    return b"".join(b"RCPT TO:<guess%d@example.org>\r\n" % number for number in range(first, first + count))


_ROUND = _SENDER + _guesses_of(0, 1) + b"RSET\r\n"


def long_way(play: Play, octets: bytes) -> None:
    for octet in one_by_one(octets):
        if not play.lost:
            play.shell._session.guessing = False
        play.act(octet)


def _without_the_cut(event: Event) -> Event:
    return attrs.evolve(event, pipelined=False) if isinstance(event, SessionEnded) else event


class TestShortWay(SynchronousTestCase):
    def check(self, packets: list[bytes], settings: Settings, least: int = 2, weather: Sequence[str] = ()) -> None:
        """`weather`: what becomes of load and attacks before each packet, as far as it reaches."""
        short = Play(starttls=True, settings=settings, least=least)
        long = Play(starttls=True, settings=settings)
        for packet, change in itertools.zip_longest((HELLO, *packets), weather[: len(packets) + 1]):
            if change is not None:
                short.stage.act(change)
                long.stage.act(change)
            short.act(packet)
            short.act("turn")
            long_way(long, packet)
            long.act("turn")
            self.assertEqual(short.transport.value(), long.transport.value())
            for play in (short, long):
                play.act("wait a little")
        for play in (short, long):
            play.act("lose")
            play.settle()
            play.stage.wheel.stop()
        self.assertEqual(*([_without_the_cut(event) for event in play.stage.events] for play in (short, long)))

    @EXAMPLES
    @given(st.lists(_packets, min_size=1, max_size=5))
    def test_near_every_limit(self, packets: list[bytes]) -> None:
        """Who guesses is hung up on at the same command, with the same words, however his guesses come."""
        self.check(packets, NARROW)

    @EXAMPLES
    @given(st.lists(_packets, min_size=1, max_size=5))
    def test_far_from_every_limit(self, packets: list[bytes]) -> None:
        """Packets of a hundred guesses: each is answered, told and counted as if it had come alone."""
        self.check(packets, WIDE)

    @EXAMPLES
    @given(st.lists(_packets, min_size=1, max_size=5), st.sampled_from([NARROW, WIDE]))
    def test_whole_transactions(self, packets: list[bytes], settings: Settings) -> None:
        """Where a turn has room for them, MAIL, its guesses and RSET are answered in one."""
        self.check(packets, settings, least=40)

    @EXAMPLES
    @given(st.lists(_siege, min_size=1, max_size=5), st.lists(_weather, max_size=6))
    @example([_SENDER + _guesses_of(0, 20)], ["load is low", "domain is under attack"])
    @example([_ROUND, _SENDER + _guesses_of(0, 15) + b"RSET\r\n"], [*["load is low"] * 2, "domain is under attack"])
    @example([_ROUND, _SENDER + b"RSET\r\n", _SENDER + _guesses_of(1, 20)], ["load is low", "load is high"] * 2)
    @example([_ROUND, _SENDER + b"RSET\r\n", _ROUND * 9], ["load is low", "load is high"] * 2)
    def test_while_load_and_attacks_come_and_go(self, packets: list[bytes], weather: list[str]) -> None:
        """Other limits hold from the same command on, which may be in the middle of a packet."""
        self.check(packets, WIDE, least=40, weather=weather)

    @EXAMPLES
    @given(st.lists(_packets, min_size=1, max_size=5), st.sampled_from([POLICED, AT_RCPT, ALL_POLICED]))
    def test_with_policies(self, packets: list[bytes], settings: Settings) -> None:
        """What a policy wants to be asked about is asked about on either way."""
        self.check(packets, settings)
