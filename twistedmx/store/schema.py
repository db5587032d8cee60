"""The tables, as numbered steps. A file has the first so many, and says how many (`PRAGMA user_version`).

A step that was released is never changed: another one is added after it. What a newer version wrote we do not open.
"""

from typing import Final

SCHEMA: Final = (
    # 1. `network` is text, so that an operator can read it; times are seconds since the epoch, no `expiry`: for ever.
    # No STRICT, which SQLite has since 3.37 alone.
    """
    CREATE TABLE blocks (
        id TEXT NOT NULL PRIMARY KEY,
        network TEXT NOT NULL,
        reason TEXT NOT NULL,
        evidence TEXT NOT NULL,
        origin TEXT NOT NULL,
        since REAL NOT NULL,
        expiry REAL,
        relapse INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    # Networks that the operator allows; the columns as above.
    """
    CREATE TABLE allowed (
        network TEXT NOT NULL PRIMARY KEY,
        evidence TEXT NOT NULL,
        since REAL NOT NULL,
        expiry REAL
    ) WITHOUT ROWID;
    """,
)
