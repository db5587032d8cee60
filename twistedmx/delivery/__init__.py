"""Where accepted mail goes: into Maildirs, so that it survives a power cut before 250 is spoken.

`acceptance` is the door for the session, `writer` the one thread behind it, `commit` what is done to a batch of
messages, `maildir` the names and the layout, `disk` the system calls.
"""
