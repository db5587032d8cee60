"""Settings `[limits]`: those of a session, some of which are less under load and under attack, and what it hears then."""

from typing import Any

import attrs

from twistedmx.policy.posture import Posture, is_for_three_states
from twistedmx.policy.words import signed_with, spoken
from twistedmx.setting import setting
from twistedmx.smtp.limits import Limits, SteadyLimits


def _limit(default: tuple[int, int, int], unit: str, why: str, precedent: str) -> Any:
    unit = f"{unit}, in calm, under load, under attack"
    return setting(default, unit=unit, why=why, precedent=precedent, validator=is_for_three_states)


@attrs.frozen(kw_only=True)
class LimitSettings(SteadyLimits):
    """Those with words have one value in calm, one under load and one under attack; of a host of good record calm's hold."""

    errors: tuple[int, ...] = _limit(
        (20, 10, 5),
        "refused commands",
        "After this many 5yz replies the next command is answered 421; RSET, MAIL and STARTTLS do not clear the count.",
        "Postfix smtpd_hard_error_limit 20, under stress 1; not fewer than [conduct] bad_recipients, which forgives newsletters",
    )
    errors_words: str = spoken("Too many errors; closing (id {id})")
    idle_commands: tuple[int, ...] = _limit(
        (100, 30, 10),
        "commands",
        "More NOOP, RSET, VRFY, HELP, EHLO, HELO, chunks under 512 octets and 4yz replies since the last message: 421.",
        "Postfix smtpd_junk_command_limit 100, under stress 1; EHLO, STARTTLS and EHLO are an honest beginning",
    )
    idle_commands_words: str = spoken("Too many commands without mail; closing (id {id})")
    messages: tuple[int, ...] = _limit(
        (1000, 100, 20),
        "messages",
        "A peer that has sent this many hears 421 at the next MAIL and connects again; calm's is announced as LIMITS MAILMAX.",
        "Exim smtp_accept_max_per_connection 1000; Exchange's senders begin another session after 20",
    )
    messages_words: str = spoken("Enough messages in one session; connect again to send more (id {id})")

    def by_posture(self) -> tuple[Limits, ...]:
        """What a session holds itself to: in calm, under load, under attack."""
        steady = {field.name: getattr(self, field.name) for field in attrs.fields(SteadyLimits)}
        return tuple(
            Limits(
                **steady,
                errors=self.errors[posture],
                idle_commands=self.idle_commands[posture],
                messages=self.messages[posture],
            )
            for posture in Posture
        )

    def words(self, limit: str, session: str) -> str:
        """What is said when the session `session` has reached `limit`."""
        return signed_with(getattr(self, f"{limit}_words"), session)
