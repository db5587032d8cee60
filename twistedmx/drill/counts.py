"""What the attackers got."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

_MOST_WORDS: Final = 20  # different codes that are told apart


@attrs.define(kw_only=True)
class Counts:
    """Sums since the attack began. A guess is a RCPT to a name that is none.

    `hosts`: that came. `connections`: begun; `not_connected`: of these, had no connection.
    `open`, `most_open`: sessions, now and at the most.
    `turned_away`: before the first command. `hung_up`: closed by the server later on. `left`: went by themselves. `silent`: got no
    answer for too long. `garbled`: got what is no answer. `refused`: guesses answered 5yz; `deferred`: 4yz without a hang-up;
    `accepted`: 2yz. `messages`: contents answered 2yz. `most_guesses`: answered in one session. `commands`: answered, of any kind.
    `last_words`: how often the server closed with which code. `at_work`: share of a core that the attackers' process took.
    """

    hosts: int = 0
    connections: int = 0
    not_connected: int = 0
    open: int = 0
    most_open: int = 0
    turned_away: int = 0
    hung_up: int = 0
    left: int = 0
    silent: int = 0
    garbled: int = 0
    refused: int = 0
    deferred: int = 0
    accepted: int = 0
    messages: int = 0
    most_guesses: int = 0
    commands: int = 0
    last_words: dict[str, int] = attrs.Factory(dict)
    at_work: float = 0.0

    @property
    def guesses(self) -> int:
        """Answered, so that who guesses knows more than before."""
        return self.refused + self.deferred + self.accepted

    @property
    def ended(self) -> int:
        """Sessions that are over, but for those that we ended ourselves."""
        return self.turned_away + self.hung_up + self.left + self.silent + self.garbled

    @property
    def closed_share(self) -> float | None:
        """Of the sessions that are over, those that the server closed; None where there was none."""
        return (self.turned_away + self.hung_up) / self.ended if self.ended else None

    def opened(self) -> None:
        """A session."""
        self.open += 1
        self.most_open = max(self.most_open, self.open)

    def closed_with(self, words: str) -> None:
        """The server's last words: by their codes, for the rest may name each client."""
        codes = " ".join(word for word in words.split()[:2] if word.replace(".", "").isdigit()) or "no words"
        if codes in self.last_words or len(self.last_words) < _MOST_WORDS:
            self.last_words[codes] = self.last_words.get(codes, 0) + 1


def counts_from(told: Mapping[str, Any]) -> Counts:
    """As `attrs.asdict` told them in another process of ours. Raises TypeError."""
    return Counts(**told)
