"""The servers that are measured, each in a file of its own: how it is started, what differs from its defaults, what its 250 promises."""
