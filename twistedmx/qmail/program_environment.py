"""The variables that a program of a `.qmail` file finds (qmail-command(8)): of the recipient, the sender, and the lines above."""

from twistedmx.qmail.account import Account


def environment(
    *,
    account: Account,
    local: bytes,
    host: bytes,
    sender: bytes,
    new_sender: bytes,
    default: bytes | None,
    delivered_to: bytes,
    return_path: bytes,
    from_line: bytes,
) -> dict[bytes, bytes]:
    """All but PATH. `default`: what the word in the name of the file stands for; None: there is no DEFAULT."""
    variables = {
        b"SENDER": sender,
        b"NEWSENDER": new_sender,
        b"RECIPIENT": local + b"@" + host,
        b"USER": account.user,
        b"HOME": account.home,
        b"HOST": host,
        b"LOCAL": local,
        b"EXT": account.extension,
        b"DTLINE": delivered_to,
        b"RPLINE": return_path,
        b"UFLINE": from_line,
    }
    if default is not None:
        variables[b"DEFAULT"] = default
    extension = account.extension
    for number in (b"2", b"3", b"4"):
        # What is behind the first dash, the second, the third; before the last dot, the last but one, the last but two.
        extension = extension.partition(b"-")[2]
        variables[b"EXT" + number] = extension
        host = host.rpartition(b".")[0] if b"." in host else host
        variables[b"HOST" + number] = host
    return variables
