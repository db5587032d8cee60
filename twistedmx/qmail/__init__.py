"""Everything that makes us a drop-in for qmail-smtpd: control files, rules, users, chkuser, handing over. Nobody else knows it.

The files and words of qmail are bytes, as qmail has them; its environment is a mapping of bytes.
"""
