"""Several processes for one server: a supervisor, which has the ports, and workers, which serve. docs/workers.md.

channel     what the two say to each other
supervisor  bind, start the workers, stop them
places      groups of sockets, opened by the supervisor; adopted: taken up by a worker
crew, post  all workers; one, and who follows it
launching   how a process is started; process: what it is then
exchange    other settings for all of them, or for none
asking      commands, answered by all; sums and totals: how answers and metrics are put together
sides       the seams for what workers share; worker_side and supervisor_side: what is shared, in each of the two

    blocks      block_copy here, block_master there
    networks    network_reports here, policy.network_conduct there
    attacks     attack_sides: sums here (policy.attack_summing), judged there
    the limit   governing_here; governing_all judges, and deals it out (policy.dealing)

outbox      changes as they are said: in pieces, the next one when the last was taken
block_words, attack_words, demand_words: what is said, as JSON
"""
