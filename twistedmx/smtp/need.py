"""What a session needs before there is a next input."""

import enum


class Need(enum.Enum):
    """Why there is no next input."""

    OCTETS = "octets"
    REPLY = "reply"
