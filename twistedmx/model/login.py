"""Who a client has shown himself to be, and what can be said of a user and his password."""

import attrs


@attrs.frozen(kw_only=True)
class Login:
    """`user`: as he is known here. `mechanism`: by which he has shown it, "PLAIN"."""

    user: bytes
    mechanism: str


@attrs.frozen
class Known:
    """It is he. `user`: as he is known here."""

    user: bytes


@attrs.frozen
class Unknown:
    """There is no such user, or that is not his password, or he may not send mail; nobody is told which. `detail`: for us."""

    detail: str = ""


@attrs.frozen
class CouldNotTell:
    """It could not be checked. `detail`: why, for us."""

    detail: str


Recognition = Known | Unknown | CouldNotTell
