"""Several processes for one server: a supervisor, which has the ports, and workers, which serve.

channel     what the two say to each other; pair: two ends in memory, for tests
"""
