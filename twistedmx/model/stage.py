"""The stages of a session at which policies are asked (docs/policies.md)."""

import enum


class Stage(enum.Enum):
    """The value is the word in the settings and in the log."""

    __hash__ = (
        object.__hash__
    )  # by identity: looked up for every RCPT that a policy is asked about (benchmarks/policies.py)

    CONNECT = "connect"  # before the greeting
    HELO = "helo"  # EHLO or HELO
    MAIL = "mail"
    RCPT = "rcpt"  # a recipient that has a mailbox
    REFUSED = "refused"  # a recipient that the recipient step has refused
    DATA = "data"  # before the content: DATA, or behind the first chunk of BDAT
    MESSAGE = "message"  # the content is there, and not safe on disk yet


# What is refused here may wait for RCPT.
BEFORE_RCPT = (Stage.CONNECT, Stage.HELO, Stage.MAIL)
