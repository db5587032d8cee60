"""The wire: RFC 5321 as a pure session. No Twisted, no clock, no randomness; standard library and attrs only.

Read in this order: `reply` and `codes` (what is said), `path` and `command` (what is asked), `content` and `header`
(what is sent), `heard`, `phase` and `session` (which may follow which), `limits`, `trace` (what we write above a message).
"""
