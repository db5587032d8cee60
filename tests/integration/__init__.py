"""The whole program, from outside: real processes, real sockets, real files."""
