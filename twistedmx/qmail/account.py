"""Who gets a local message, as users/assign says it (qmail-users(5)): the answer of `assign` and of `accounts`."""

import attrs


@attrs.frozen(kw_only=True)
class Account:
    """`user`: its name; where the entry is one of vpopmail's, the real domain. `uid`, `gid`: never 0 for what is run or written.

    `home`: absolute path. `dash`, `extension`: what follows `.qmail` in the name of its file is `dash` + `extension`; both are
    b"" for the user's own address.
    """

    user: bytes
    uid: int
    gid: int
    home: bytes
    dash: bytes = b""
    extension: bytes = b""
