"""What a file system is known to keep through a power cut, beyond what POSIX promises: found by its kind, in /proc/self/mountinfo.

| kind                | nameless | name_with_file | in_order | why                                                           |
|---------------------|----------|----------------|----------|---------------------------------------------------------------|
| ext4, journal       | yes      | yes            | yes      | one journal: what came first is on the disk first             |
| ext4, no journal    | yes      | yes            | no       | fsync of a newly named file writes its inode and its directory|
| ext2, ext3, XFS     | yes      | no             | no       |                                                               |
| tmpfs               | yes      | no             | no       | keeps nothing anyhow                                          |
| all others          | no       | no             | no       | btrfs could bring a nameless file back empty                  |

`nameless`: a file that was made without a name (O_TMPFILE) and synced has its octets when it is linked later. `name_with_file`:
fsync(2) of a file that was linked makes the name as safe as the octets, without a sync of the directory. ext4 changes both in one
transaction, which is then committed (ext4_link, i_sync_tid); without a journal it follows the file's newest name to its
directory (EXT4_STATE_NEWENTRY, ext4_sync_parent; since Linux 2.6.34) where fsync of the directory alone would leave the file's
count of links at 0, and a check of the file system would remove it. Postfix has always rested on the same. `in_order`: once the
octets were waited for (sync_file_range with all three flags, as fsync itself begins) the file's size and blocks are in the
journal's running transaction; a name that is given later cannot survive without them, and the commit flushes the disk's cache.

Standard library alone, for the agent uses it. BUGS: mounted with `nobarrier`, nothing is safe, here as anywhere. With
the journal on another disk, a power cut before 250 may leave a torn message under its name.
"""

import os
from typing import Final, NamedTuple


class Kept(NamedTuple):
    """A line of the table."""

    nameless: bool = False
    name_with_file: bool = False
    in_order: bool = False


POSIX: Final = Kept()
# Options of ext4 with which the journal is committed otherwise than the table has it.
_OUT_OF_ORDER: Final = frozenset({b"journal_async_commit", b"fast_commit"})

_KINDS: Final = {
    b"ext4": Kept(nameless=True, name_with_file=True),
    b"ext3": Kept(nameless=True),
    b"ext2": Kept(nameless=True),
    b"xfs": Kept(nameless=True),
    b"tmpfs": Kept(nameless=True),
}


def kept_by(device: int, root: str = "") -> Kept:
    """What the file system on a device (st_dev) keeps; where the system does not tell, no more than POSIX says.

    `root`: where /proc and /sys are, if not in "/".
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        # As octets: the agent, who is somebody else at this moment, may not be able to import a codec.
        with open(f"{root}/proc/self/mountinfo", "rb") as lines:
            fields = [line.split() for line in lines]
        # proc_pid_mountinfo(5): the third is the device, the kind comes behind a hyphen.
        kinds = {words[words.index(b"-", 6) + 1] for words in fields if words[2] == os.fsencode(number)}
    except (OSError, ValueError, IndexError):
        return POSIX
    kept = _KINDS.get(kinds.pop(), POSIX) if len(kinds) == 1 else POSIX
    return kept._replace(in_order=kept.name_with_file and _has_journal(number, root))


def _has_journal(number: str, root: str) -> bool:
    """Has this ext4 one, and flushes the disk's cache with each commit? Its mode of data is told only where there is one."""
    try:
        name = os.path.basename(os.readlink(f"{root}/sys/dev/block/{number}"))
        with open(f"{root}/proc/fs/ext4/{name}/options", "rb") as lines:
            options = lines.read().split()
    except (OSError, ValueError):
        return False
    ordered = not _OUT_OF_ORDER.intersection(options)
    return ordered and b"barrier" in options and any(option.startswith(b"data=") for option in options)
