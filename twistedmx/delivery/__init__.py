"""Where accepted mail goes: into Maildirs, so that it survives a power cut before 250 is spoken.

`acceptance` is the door for the session, `writer` the one thread behind it, `commit` what is done to a batch of
messages, `maildir` the names and the layout, `tally` the quotas, `disk` the system calls (`paths`: those that take a path;
`aio`: syncs of many files at a time), `filesystem` what survives a power cut where.

Copies that are to be files of system users go another way for the same: `owner_disks` chooses, `agent_disk` asks, and
`agent` with `rights` is the process of root's that does it (docs/delivery-as-user.md).
"""
