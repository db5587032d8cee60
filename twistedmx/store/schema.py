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
    # 2. What is known of clients. Hosts and networks are text; times are steady seconds (`policy.decay`); `hung_up` are times,
    # `offenders` and `senders` words as 192.0.2.7@1800000000, with spaces between. `hosts`, `networks` of helos and campaigns are
    # those of `policy.hyperloglog`.
    """
    CREATE TABLE hosts (
        host TEXT NOT NULL PRIMARY KEY,
        good REAL NOT NULL,
        bad REAL NOT NULL,
        guesses REAL NOT NULL,
        heard INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        day INTEGER NOT NULL,
        days INTEGER NOT NULL,
        hung_up TEXT NOT NULL,
        helos TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE networks (
        network TEXT NOT NULL PRIMARY KEY,
        good REAL NOT NULL,
        bad REAL NOT NULL,
        heard INTEGER NOT NULL,
        offenders TEXT NOT NULL,
        senders TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE helos (
        name TEXT NOT NULL PRIMARY KEY,
        good REAL NOT NULL,
        bad REAL NOT NULL,
        heard INTEGER NOT NULL,
        first INTEGER NOT NULL,
        hosts BLOB NOT NULL,
        networks BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE campaigns (
        name TEXT NOT NULL PRIMARY KEY,
        good REAL NOT NULL,
        bad REAL NOT NULL,
        heard INTEGER NOT NULL,
        first INTEGER NOT NULL,
        hosts BLOB NOT NULL,
        networks BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE steady_time (
        one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        seconds REAL NOT NULL,
        clock REAL NOT NULL
    );
    """,
    # 3. Networks that the operator allows; the columns as in 1.
    """
    CREATE TABLE allowed (
        network TEXT NOT NULL PRIMARY KEY,
        evidence TEXT NOT NULL,
        since REAL NOT NULL,
        expiry REAL
    ) WITHOUT ROWID;
    """,
)
