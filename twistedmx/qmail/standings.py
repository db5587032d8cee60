"""Every name that qmail-smtpd and its patches read, in control/, in users/ and in the environment, and what becomes of it here.

Names may be patterns of the shell (`*`). Of netqmail and notqmail, the patched trees of netqmail with chkuser 2.0.9, qmailtoaster,
IndiMail and SPAMCONTROL (s/qmail).
"""

import enum
from typing import Final

import attrs


class Where(enum.Enum):
    """Where a name is met."""

    CONTROL = "control"
    USERS = "users"
    ENVIRONMENT = "environment"


class Standing(enum.Enum):
    """What becomes of it."""

    HONOURED = "honoured"
    WITH_A_DIFFERENCE = "with a difference"
    NOT_YET_ACTIVE = "not yet active"
    NOT_SUPPORTED = "not supported"
    ELSEWHERE = "elsewhere"  # another program of qmail reads it, as before
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class Row:
    """`words`: what it does, or which difference and why, or what to use instead."""

    where: Where
    name: str
    standing: Standing
    words: str


_HONOURED: Final = {
    Where.CONTROL: {
        "me": "the host's name, where smtpgreeting, localiphost, locals or envnoathost are missing",
        "smtpgreeting": "what the greeting begins with",
        "localiphost": "stands for an own address in brackets",
        "morercpthosts.cdb": "more of rcpthosts; made by qmail-newmrh",
        "badmailfromnorelay badrcptto badrcpttonorelay badmailto badmailtonorelay badhelo": "regular expressions, denied",
        "validrcptto morevalidrcptto.cdb validrcptto.cdb": "recipients that are there, or are not",
        "brtlimit": "bad recipients of a session before it is closed",
        "maxrecipients": "as maxrcpt, where that is missing",
        "rejectnullsenders": "the null sender is told 421",
        "rejectrelaytest": "@, % and ! in a local part are refused",
        "moreipme notipme": "addresses that are ours, or are not",
        "servercert.pem": "certificate for STARTTLS and `listen_tls`",
        "servercerts": "more certificates, by the name that the client asks for; without a servercert.pem none of them is read",
        "smtpplugins": "programs of qmail-spp, with ENABLE_SPP",
        "locals virtualdomains percenthack envnoathost": "who gets a local message",
    },
    Where.USERS: {
        "cdb": "users/assign as qmail-newu has made it",
    },
    Where.ENVIRONMENT: {
        "TCPREMOTEIP TCPREMOTEPORT TCPLOCALIP TCPLOCALPORT PROTO": "the connection",
        "DISABLE_BADMAILFROM": "badmailfrom is not looked at",
        "DISABLE_MAXRCPT": "maxrcpt is not looked at",
        "LOGREGEX": "the line that denies is logged",
        "MAXRECIPIENTS": "instead of control/maxrcpt",
        "BRTLIMIT": "instead of control/brtlimit",
        "VALIDRCPTTO MOREVALIDRCPTTO_CDB": "instead of the file in control/",
        "REJECTNULLSENDERS": "instead of control/rejectnullsenders",
        "RBLSMTPD": "the words with which rblsmtpd refuses; empty: it never does",
        "FORCETLS": "no AUTH before TLS; 0: with or without",
        "DISABLETLS": "no STARTTLS",
        "SMTPAUTH": "which mechanisms of AUTH",
        "FORCEAUTHMAILFROM": "the sender is who logged in",
        "SMTPHELOHOST SMTPMAILFROM SMTPRCPTTO SMTPRCPTCOUNT SMTPRCPTCOUNTALL SMTPRCPTHOSTSOK": "set for qmail-spp's programs",
        "SMTPAUTHUSER SMTP_AUTH_USER SMTPAUTHMETHOD": "set when a client has logged in",
        "CHKUSER_SENDER_NOCHECK_VARIABLE CHKUSER_DISABLE_VARIABLE": "the name of a variable that switches checks off",
        "CHKUSER_SENDER_FORMAT_NOCHECK CHKUSER_SENDER_MX_NOCHECK": "that check of the sender is left out",
        "CHKUSER_RCPT_FORMAT_NOCHECK CHKUSER_RCPT_MX_NOCHECK": "that check of the recipient is left out",
        "CHKUSER_RCPTLIMIT CHKUSER_WRONGRCPTLIMIT": "recipients, and wrong ones, of a session",
        "CHKUSER_MBXQUOTA": "percent of the quota from which a mailbox counts as full",
        "CHKUSER_IDENTIFY": "a label in its log lines",
        "CHKUSER_DOUBLEBOUNCE": "the sender #@[] is accepted",
        "CHKUSER_MUSTAUTH": "only who may relay may send",
    },
}
_LARGEST: Final = "[qmail] largest, 256 MiB, is the limit"
_NO_DELAY: Final = "under load nothing is delayed"
# Way (b), in which tcpserver hands its connections over: docs/qmail.md.
_TRUSTED: Final = (
    "in way (b) obeyed of root and of the server's own user; of others 421, unless it says what the server's own does"
)
_DIFFERENT: Final = {
    Where.CONTROL: {
        "rcpthosts": "missing, it makes no open relay unless the settings say so; present, it is obeyed as it is",
        "badmailfrom": "exact as in qmail, or expressions as in the patches: the settings say which, for no file does",
        "badhelonorelay": "matched against the name of HELO; the patch matches the last address by mistake",
        "concurrencyincoming": "read at the start: most strangers at a time, unless [governor] ceiling is set; the load lowers it",
        "databytes": f"octets of a message; 0, or no such file: {_LARGEST}",
        "timeoutsmtpd": "seconds for each read and write; 1200, as where it is missing: [timeouts] of the settings",
        "tarpitcount tarpitdelay": f"recipients that are answered at once, and seconds before each further one; {_NO_DELAY}",
        "greetdelay": f"seconds before the greeting; {_NO_DELAY}",
        "defaultdelivery": "for an empty .qmail file; read at the start alone: who delivers as root is told nothing later",
        "tcp.smtp.cdb": "the rules, found in control/ or /etc unless [qmail] rules names others; not asked in way (b)",
        "tlsserverciphers": "of TLS 1.2; where they are missing, wrong or cannot be read our own hold",
        "maxrcpt": "the recipient that is refused gets no mail; in the patch it is delivered all the same",
    },
    Where.USERS: {
        "assign": "qmail-newu makes users/cdb of it; where that is missing, it is read itself, which qmail-lspawn never does",
    },
    Where.ENVIRONMENT: {
        "DATABYTES": f"instead of control/databytes; 0: {_LARGEST}",
        "TLSCIPHERS": "instead of control/tlsserverciphers; empty, it says nothing",
        "QMAILQUEUE": f"the program that takes messages; {_TRUSTED}",
        "ERROR_FD": f"where that program writes its own words for the peer; {_TRUSTED}",
        "RCPTCHECK": f"a program that is asked about each recipient; {_TRUSTED}",
        "RCPTCHECKRELAYCLIENT": f"whether it is asked about those of who may relay, too; {_TRUSTED}",
        "SPPCONFFILE": f"instead of control/smtpplugins; {_TRUSTED}",
        "SMTPD_GREETDELAY GREETDELAY": f"seconds before the greeting; {_NO_DELAY}",
        "DROP_PRE_GREET": f"who speaks before the greeting is dropped; {_NO_DELAY}, and nobody can be too early",
        "TARPITCOUNT": f"instead of control/tarpitcount; {_NO_DELAY}",
        "TCPREMOTEHOST TCPREMOTEINFO TCPLOCALHOST": "as tcpserver has them; where this server listens itself, it looks up no names",
        "NOBADHELO": "badhelo is not looked at, as qregex documents it; in the patch no code reads it",
        "RELAYCLIENT": "allows to relay; its value is put behind recipients, with chkuser only those of domains not in rcpthosts",
        "ENABLE_SPP": "0 switches programs off, and a missing smtpplugins is no fault; in the patch both make a 421; "
        + _TRUSTED,
        "CHKUSER_START": "ALWAYS, DOMAIN, NONE or nothing; another word is DOMAIN, as in stock chkuser; off in the patches",
        "TARPITDELAY": "seconds; 999 is a long time here, and in SPAMCONTROL a refusal; " + _NO_DELAY,
    },
}
_LATER: Final = "the check it belongs to is not made by the drop-in yet: set up the server's own, or keep {}"
_NOT_YET: Final = {
    Where.CONTROL: {
        "spfbehavior spfrules spfguess spfexp": _LATER.format("SPF in the filter behind QMAILQUEUE"),
        "dnsbllist dnsblfailclosed": _LATER.format("rblsmtpd in the run script"),
        "tlsclients clientca.pem clientcrl.pem": "certificates of clients grant nothing yet: use AUTH, or RELAYCLIENT by address",
        "relaymailfrom": "a sender's name grants nothing: anybody can say it; use AUTH, or RELAYCLIENT by address",
    },
    Where.ENVIRONMENT: {
        "SPFBEHAVIOR": _LATER.format("SPF in the filter behind QMAILQUEUE"),
        "SPFRESULT RBLRESULT": "not set yet: the checks that would are not made",
        "DNSBLLIST DNSBLSKIP DNSBLFAILCLOSED": _LATER.format("rblsmtpd in the run script"),
        "MAXPERIP": "[governor] shares and least say how many connections one host may have",
    },
}
_OF_TCP6: Final = "of IndiMail's tcpserver: not read, and passed on; TCPREMOTEIP and its like have what is asked"
_SPAMCONTROL: Final = "of SPAMCONTROL: {}"
_NOT_SUPPORTED: Final = {
    Where.CONTROL: {
        "policy": "eMPF: who may write to whom; use a program of qmail-spp, or RCPTCHECK",
        "recipients recipients.cdb": _SPAMCONTROL.format("use validrcptto, or chkuser"),
        "badmimetypes badmimetypes.cdb badloadertypes badloadertypes.cdb": _SPAMCONTROL.format(
            "use simscan in QMAILQUEUE"
        ),
        "surbl* level*-tlds": "SURBL: use a filter in QMAILQUEUE",
        "accesslist": "of IndiMail: who may write to whom; use a program of qmail-spp",
        "dh*.pem rsa*.pem": "not needed: TLS chooses parameters itself; they may stay",
    },
    Where.ENVIRONMENT: {
        "SMTPS": "TLS before the greeting is `listen_tls` of the settings",
        "ALLOW_BARELF": "lines without CR smuggle mail; for a host that must be heard, name it in `bare_newline_from`",
        "NOSPF": "of qmailtoaster: there is no SPF to be skipped here",
        "VALIDRCPTTO_LOG": "the log says it always",
        "SURBL SURBLQUEUE": "use a filter in QMAILQUEUE",
        "HELOCHECK": _SPAMCONTROL.format("use badhelo"),
        "MFDNSCHECK LOCALMFCHECK": _SPAMCONTROL.format("use chkuser's check of the sender's domain"),
        "BADMIMETYPE BADLOADERTYPE BASE64 QHPSI": _SPAMCONTROL.format("use simscan in QMAILQUEUE"),
        "DELIVERTO": _SPAMCONTROL.format("use a .qmail file, or virtualdomains"),
        "UCSPITLS": _SPAMCONTROL.format("STARTTLS is the server's own: control/servercert.pem"),
        "SPFINFO": _SPAMCONTROL.format("the SPF of sslserver is not read"),
        "QREGEX": "of IndiMail: the settings say whether badmailfrom holds expressions",
        "TCPPARANOID TCP6INTERFACE TCP6REMOTEIP TCP6REMOTEHOST TCP6REMOTEINFO TCP6REMOTEPORT": _OF_TCP6,
        "TCP6LOCALIP TCP6LOCALHOST TCP6LOCALPORT": _OF_TCP6,
        "GREYIP LOGFILTER SHUTDOWN REQPTR ENFORCE_FQDN_HELO MAX_RCPT_ERRCOUNT": "of IndiMail: use the server's own settings",
    },
}
_SEND: Final = "read by qmail-send, qmail-remote or qmail-inject, as before"
_ELSEWHERE: Final = {
    Where.CONTROL: {
        "bouncefrom bouncehost concurrencylocal concurrencyremote doublebouncehost doublebounceto queuelifetime": _SEND,
        "helohost smtproutes timeoutconnect timeoutremote tlsclientciphers tlshosts clientcert.pem authsenders": _SEND,
        "defaultdomain defaulthost plusdomain idhost qmqpservers outgoingip": _SEND,
        "morercpthosts": "qmail-newmrh makes morercpthosts.cdb of it",
        "morevalidrcptto": "the source of morevalidrcptto.cdb",
        "tcp.smtp": "tcprules makes tcp.smtp.cdb of it",
        "simcontrol simcontrol.cdb simversions.cdb": "read by simscan",
        "softlimit concurrencysubmission concurrencysmtps": "read by run scripts",
        "domainkeys filterargs": "read by filters in QMAILQUEUE",
    },
    Where.USERS: {
        "include exclude mailnames subusers append": "read by qmail-pw2u, which makes users/assign",
    },
    Where.ENVIRONMENT: {
        "DKIMQUEUE DKIMSIGN DKIMVERIFY": "read by qmail-dkim in QMAILQUEUE, which gets the whole environment"
    },
}

ROWS: Final = tuple(
    Row(where=where, name=name, standing=standing, words=words)
    for standing, table in (
        (Standing.HONOURED, _HONOURED),
        (Standing.WITH_A_DIFFERENCE, _DIFFERENT),
        (Standing.NOT_YET_ACTIVE, _NOT_YET),
        (Standing.NOT_SUPPORTED, _NOT_SUPPORTED),
        (Standing.ELSEWHERE, _ELSEWHERE),
    )
    for where, rows in table.items()
    for names, words in rows.items()
    for name in names.split()
)
