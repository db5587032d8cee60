"""Several processes for one server: a supervisor, which has the ports, and workers, which serve. docs/workers.md.

channel     what the two say to each other; pair: two ends in memory, for tests
supervisor  bind, start the workers, stop them
places      groups of sockets, opened by the supervisor; adopted: taken up by a worker
crew, post  all workers; one, and who follows it
launching   how a process is started; process: what it is then
exchange    other settings for all of them, or for none
asking      commands, answered by all; sums and totals: how answers and metrics are put together
sides       the seams for what workers share
"""
