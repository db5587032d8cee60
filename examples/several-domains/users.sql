-- The table that the query of twistedmx.toml asks: sqlite3 users.sqlite < users.sql
CREATE TABLE mailboxes (
    address TEXT PRIMARY KEY,
    maildir TEXT,                       -- NULL: below `data`, by [mailboxes] maildir
    state TEXT NOT NULL DEFAULT 'active',  -- active, disabled, over-quota
    alias TEXT                          -- addresses with commas between them, or NULL
);
INSERT INTO mailboxes (address, state, alias) VALUES
    ('Ann@example.com', 'active', NULL),
    ('full@example.com', 'over-quota', NULL),
    ('team@example.com', 'active', 'Ann@example.com');
