"""Twisted shells: sockets, TLS and time around the pure session. Nothing is decided here."""
