"""The policy `empty-message`: what a flood of bounces sends where it gets that far."""

from typing import Final

import attrs

from twistedmx.model.context import Context
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Reason, Verdict, verdict
from twistedmx.policy.means import Means
from twistedmx.setting import setting
from twistedmx.smtp import codes

_EMPTY: Final = verdict(codes.EMPTY_MESSAGE, Reason.EMPTY_MESSAGE)


@attrs.frozen(kw_only=True)
class EmptyMessageSettings:
    """Its own settings."""

    header_only: bool = setting(
        False,
        unit="",
        why="Refuse a message with a header and nothing below it as well. People do send these: all is in the subject.",
    )


class EmptyMessage:
    """Refuses a message without content: not an octet, or nothing but white space."""

    stages = frozenset((Stage.MESSAGE,))
    settings = EmptyMessageSettings

    def __init__(self, settings: EmptyMessageSettings, means: Means) -> None:
        self._header_only = settings.header_only

    def decide(self, context: Context) -> Verdict:
        message = context.message
        if message is None or not message.body_is_blank:
            return CONTINUE
        return _EMPTY if self._header_only or (message.header_is_whole and not message.header.strip()) else CONTINUE
