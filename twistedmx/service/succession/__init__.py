"""A server that is followed by another start of the program, while nobody who connects notices: `twistedmx upgrade`.

start_words   how the program was started, so that it can be started again
estate        what is left to who follows: the sockets that listen, and what else it has to know
launching     starts who follows
handover      in the old process: one after the other of the steps below, or all as it was
heir          in the new process: takes what is left, and tells the old one how it goes

What both say, a JSON object a line, over a pair of sockets:

    new   {"faults": [line, ...]}            and ends; at any time
    new   {"pid": number, "is": "ready"}     it has read its settings and has all ports; it waits
    old   "go"                               has closed its control socket, and writes to its store no more
    new   {"pid": number, "is": "serves", "notes": [line, ...]}

Up to the last line the old one serves as ever, and both accept from the same sockets; whatever happens to the new one before it,
the old one takes up again what it let go.
"""
