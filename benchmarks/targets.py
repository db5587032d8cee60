"""What we want to reach on one core, and whether a result does."""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

# case -> peer -> medians of its runs
Medians = Mapping[str, Mapping[str, Mapping[str, float]]]

OURS: Final = "twistedmx"
_ON_PYPY: Final = "twistedmx-pypy"
_TWO_WORKERS: Final = "twistedmx-2-workers"


@attrs.frozen(kw_only=True)
class Target:
    """`found`: the figure in question, or None when it was not measured."""

    words: str
    found: Callable[[Medians], float | None]
    limit: float
    at_least: bool
    form: str

    def row(self, medians: Medians) -> tuple[str, str, str, str]:
        """What is wanted, the limit, what was reached, and "yes", "no" or "not measured"."""
        found = self.found(medians)
        wanted = ("at least " if self.at_least else "at most ") + self.form.format(self.limit)
        if found is None:
            return self.words, wanted, "", "not measured"
        reached = found >= self.limit if self.at_least else found <= self.limit
        return self.words, wanted, self.form.format(found), "yes" if reached else "no"


def _of(case: str, field: str, peer: str = OURS) -> Callable[[Medians], float | None]:
    return lambda medians: medians.get(case, {}).get(peer, {}).get(field)


def _against(case: str, field: str, peer: str, server: str = OURS) -> Callable[[Medians], float | None]:
    def ratio(medians: Medians) -> float | None:
        ours = medians.get(case, {}).get(server, {}).get(field)
        theirs = medians.get(case, {}).get(peer, {}).get(field)
        return ours / theirs if ours is not None and theirs else None

    return ratio


def _ms(case: str, field: str, peer: str = OURS) -> Callable[[Medians], float | None]:
    def milliseconds(medians: Medians) -> float | None:
        found = _of(case, field, peer)(medians)
        return None if found is None else found / 1000

    return milliseconds


def _beside_one(case: str, peer: str) -> Callable[[Medians], float | None]:
    """CPU of ours with several workers, to that of one."""

    def ratio(medians: Medians) -> float | None:
        several = medians.get(case, {}).get(peer, {}).get("cpu")
        one = medians.get(case, {}).get(OURS, {}).get("cpu")
        return several / one if several is not None and one else None

    return ratio


def _grown(case: str, server: str = OURS) -> Callable[[Medians], float | None]:
    def grown(medians: Medians) -> float | None:
        values = medians.get(case, {}).get(server, {})
        return (values["peak_pss"] - values["base_pss"]) / 1e6 if "peak_pss" in values else None

    return grown


def _most(words: str, found: Callable[[Medians], float | None], limit: float, form: str) -> Target:
    return Target(words=words, found=found, limit=limit, at_least=False, form=form)


def _least(words: str, found: Callable[[Medians], float | None], limit: float, form: str) -> Target:
    return Target(words=words, found=found, limit=limit, at_least=True, form=form)


_UNPUNISHED: Final = "unpunished-2000"
_PIPELINED: Final = "reject-580-pipelined"


def _refused(server: str) -> tuple[Target, ...]:
    return (
        _most(
            "refused RCPT, lock-step, 580 connections", _of("reject-580", "cpu", server), 0.014, "{:.4f} CPU-s per 1000"
        ),
        _most(
            "the same, beside stock Twisted", _against("reject-580", "cpu", "twisted", server), 0.4, "{:.2f} x its CPU"
        ),
        _most("the same, with everything on", _of("reject-580", "cpu", server), 0.018, "{:.4f} CPU-s per 1000"),
        # That was said of a machine on which stock Twisted costs 0.035.
        _most(
            "that is, beside stock Twisted", _against("reject-580", "cpu", "twisted", server), 0.51, "{:.2f} x its CPU"
        ),
        _most("the same, beside Postfix", _against("reject-580", "cpu", "postfix", server), 0.05, "{:.3f} x its CPU"),
        _most(
            "refused RCPT, pipelined, 580 connections", _of(_PIPELINED, "cpu", server), 0.004, "{:.4f} CPU-s per 1000"
        ),
        _most("the same, beside notqmail", _against(_PIPELINED, "cpu", "notqmail", server), 0.33, "{:.2f} x its CPU"),
        _least("connections of one round", _of("churn", "rate", server), 6000, "{:,.0f}/s"),
        _least(
            "the same, beside stock Twisted", _against("churn", "rate", "twisted", server), 1.8, "{:.2f} x its rate"
        ),
        _least("connections of blocked hosts", _of("blocked", "rate", server), 15_000, "{:,.0f}/s"),
    )


def _accepted(server: str) -> tuple[Target, ...]:
    return tuple(
        target
        for each in (1, 20)
        for target in (
            _least(
                f"4 KiB, {each} per connection",
                _against(f"accept-4k-{each}", "rate", "postfix", server),
                3,
                "{:.2f} x Postfix",
            ),
            _most(
                "its CPU per message", _against(f"accept-4k-{each}", "cpu", "postfix", server), 0.25, "{:.2f} x Postfix"
            ),
            _least("its rate", _against(f"accept-4k-{each}", "rate", "opensmtpd", server), 1, "{:.2f} x OpenSMTPD"),
        )
    )


def _large(server: str) -> tuple[Target, ...]:
    return (
        _least("25 MiB", _of("big", "rate", server), 500, "{:,.0f} MB/s"),
        _least("the same, beside OpenSMTPD", _against("big", "rate", "opensmtpd", server), 1, "{:.2f} x its rate"),
        _most("memory that it takes", _grown("big", server), 4, "{:.1f} MB"),
        _least("lines of 20 octets", _of("short-lines", "rate", server), 280, "{:,.0f} MB/s"),
        _least(
            "the same, beside OpenSMTPD", _against("short-lines", "rate", "opensmtpd", server), 1, "{:.2f} x its rate"
        ),
        _most("memory that it takes", _grown("short-lines", server), 4, "{:.1f} MB"),
    )


def _on_pypy() -> tuple[Target, ...]:
    return (
        *_refused(_ON_PYPY),
        _most(
            "first minute of 2,000 attackers whom nothing stops",
            _ms(_UNPUNISHED, "onset_us_p99", _ON_PYPY),
            10,
            "{:.1f} ms p99",
        ),
        _most("the same later", _ms(_UNPUNISHED, "attack_us_p99", _ON_PYPY), 10, "{:.1f} ms p99"),
        *_accepted(_ON_PYPY),
        *_large(_ON_PYPY),
        _most("an idle session", _of("idle", "kb_per_session", _ON_PYPY), 2.5, "{:.2f} KB"),
    )


TARGETS: Final = (
    *_refused(OURS),
    *(
        target
        for attackers in (580, 2000)
        for target in (
            _most(
                f"legitimate p99 under {attackers:,} attackers",
                _of(f"victim-{attackers}", "factor"),
                3,
                "{:.1f} x calm",
            ),
            _most(
                "the same in the first minute, onset included",
                _of(f"victim-{attackers}", "onset_factor"),
                3,
                "{:.1f} x calm",
            ),
            _most(
                f"legitimate mail that failed under {attackers:,} attackers",
                _of(f"victim-{attackers}", "failed"),
                0,
                "{:.0f}",
            ),
        )
    ),
    _most("first minute of 2,000 attackers whom nothing stops", _ms(_UNPUNISHED, "onset_us_p99"), 10, "{:.1f} ms p99"),
    _most("the same later", _ms(_UNPUNISHED, "attack_us_p99"), 10, "{:.1f} ms p99"),
    _least(
        "what they are answered meanwhile",
        _against(_UNPUNISHED, "commands_rate", "twistedmx-one-lane"),
        0.85,
        "{:.2f} x without fair turns",
    ),
    *(
        target
        for kind in ("begun", "completed")
        for target in (
            _most(f"plain p99 while handshakes are {kind}", _of(f"tlsflood-{kind}", "factor"), 3, "{:.1f} x calm"),
            _most("legitimate mail that failed meanwhile", _of(f"tlsflood-{kind}", "failed"), 0, "{:.0f}"),
            _most("what handshakes take of the core", _of(f"tlsflood-{kind}", "share"), 0.4, "{:.0%}"),
        )
    ),
    *_accepted(OURS),
    _most("all of 580 strangers are in", _of("governor", "rise_seconds"), 15, "{:.0f} s"),
    _most("the limit is at its floor beside hogs", _of("governor", "fall_seconds"), 70, "{:.0f} s"),
    _most("all are in again behind them", _of("governor", "back_seconds"), 35, "{:.0f} s"),
    _most("legitimate mail that failed beside strangers", _of("governor", "strangers_failed"), 0, "{:.0f}"),
    _most("first-time mail beside hogs", _ms("governor", "hogs_us_p99"), 1000, "{:,.0f} ms p99"),
    _most("of it failed", _of("governor", "hogs_failed"), 0, "{:.0f}"),
    _most("mail of known hosts beside hogs", _ms("governor", "known_hogs_us_p99"), 1000, "{:,.0f} ms p99"),
    _most("of it failed", _of("governor", "known_hogs_failed"), 0, "{:.0f}"),
    _most(
        "nobody is heard out: mail that came again beside hogs",
        _ms("governor-held-out", "again_hogs_us_p99"),
        1000,
        "{:,.0f} ms p99",
    ),
    _most("of it failed", _of("governor-held-out", "again_hogs_failed"), 0, "{:.0f}"),
    *(
        _most(
            f"{words}, {number} workers in turns of 20 ms",
            _beside_one(case, f"twistedmx-{number}-workers"),
            1.1,
            "{:.2f} x CPU of one",
        )
        for case, words in (
            ("workers-reject", "refused RCPT, lock-step"),
            ("workers-reject-pipelined", "refused RCPT, pipelined"),
            ("workers-accept", "4 KiB, 1 per connection"),
        )
        for number in (2, 4)
    ),
    *_large(OURS),
    _most("an idle session", _of("idle", "kb_per_session"), 2.5, "{:.2f} KB"),
    _most("one of 20,000, or of as many as it may have", _of("idle-20k", "kb_per_session"), 3, "{:.2f} KB"),
    _most("greeting of a known host beside them", _ms("idle-20k", "greeting_us_p99"), 5, "{:.1f} ms p99"),
    _most("one of 20,000, 2 workers", _of("idle-20k", "kb_per_session", _TWO_WORKERS), 3, "{:.2f} KB"),
    _most(
        "greeting of a known host beside them, 2 workers",
        _ms("idle-20k", "greeting_us_p99", _TWO_WORKERS),
        5,
        "{:.1f} ms p99",
    ),
    *(attrs.evolve(target, words=f"on PyPy: {target.words}") for target in _on_pypy()),
)
