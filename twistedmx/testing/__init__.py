"""For tests, ours and those of whoever writes a backend: fakes of every port, suites that every implementation of a port
must pass, and the runner of SMTP dialogues.

    mailboxes   FakeMailboxes, MailboxesSuite
    acceptance  FakeAcceptance, AcceptanceSuite
    policies    FakePolicy, PolicySuite; Scripted, a policy that a dialogue directs
    disk        FakeDisk (a disk whose power can be cut); disk_suite  DiskSuite
    dialogue    Dialogue: a file of "C:" and "S:" lines, as in RFC 5321 appendix D
    stage       Stage: a whole server on fakes, its clock in the test's hand
    machine     Machine: a model of one under load, for the governor; machine_picture draws it
    players     play a Dialogue: against the bare session, through the Twisted shell, over a real socket, over TLS
"""
