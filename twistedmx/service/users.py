"""System users: whom the server serves, and whose its folder is."""

import os
import pwd

from twistedmx.settings import Settings


def users_of(settings: Settings) -> tuple[int, tuple[str, ...]] | None:
    """The least uid that has mail, and the names of Maildirs in homes; None when no system user has any."""
    sections = settings.mailboxes.passwd
    if not sections:
        return None
    return min(section.least_uid for section in sections), tuple(sorted({section.maildir for section in sections}))


def give_folder(path: str, user: str) -> None:
    """Make the folder where it is missing, and give it to `user`; "" is who we are. Raises OSError."""
    if os.path.isdir(path):
        return
    os.makedirs(path, mode=0o700)
    if user:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
