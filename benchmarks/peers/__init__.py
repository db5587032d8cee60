"""The servers that are measured, a file each: how it is started, what differs from its defaults, what its 250 promises."""
