"""The sieges as a load that can be aimed at one's own server, from 127.0.0.0/8 and at it alone: `twistedmx drill 1|2|3`.

    sieges      the three of them as a table: who comes, how many, how fast, and which innocents beside
    attackers   what an attacker says, siege by siege; innocents: what who sends mail says. Pure scripts of a client (smtp.client)
    names       guesses, reverse names, messages; hosts: who comes from which address
    speaking    a script on a connection; connecting: from which address
    crowd       how many attackers at once, and who comes back; counts: what they got
    camp        the attackers' process as its parent sees it; __main__ is that process
    watch       what the server's status says meanwhile: memory, and limits, its limit of sessions
    hogs        busy processes beside it
    sender      the legitimate mail, at a fixed rate whatever happens; latencies: how long it took
    look        one look at the server before it begins
    target      where it may be aimed
    course      calm, then attack, hogs if need be, then what came of it
    thresholds  what counts as passed (thresholds.toml); judgement: by them
    figures     what was measured; page: as a table
    plan        all that a run is told; start: the run, with a reactor, which world alone imports

The attackers have a process of their own, so that how long their turns take is no part of what the legitimate sender waits for.
"""
