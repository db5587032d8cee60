"""A file that holds one secret: a password, a token."""

_MOST_OCTETS = 4096


def read_secret(path: str, key: str) -> str:
    """The text in the file, without white space around it; "" when no file is named. `key`: the setting that names it.

    Raises ValueError with words for the operator, which never repeat what is in the file.
    """
    if not path:
        return ""
    try:
        with open(path, "rb") as file:
            octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise ValueError(f"{key}: {path}: cannot be read: {error.strerror}") from None
    try:
        secret = octets.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{key}: {path}: is not UTF-8; save it as text") from None
    if not secret or not secret.isprintable() or len(octets) > _MOST_OCTETS:
        raise ValueError(f"{key}: {path}: must hold the secret in one line, and nothing else")
    return secret
