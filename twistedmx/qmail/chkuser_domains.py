"""chkuser in a domain of vpopmail: its `.qmail` files, users, lists of ezmlm and mailman, in this order (chkuser.c, realrcpt).

What differs from the original, each time towards what a delivery would do: with start DOMAIN a domain without `.qmail-default`
is checked, for nobody would take the rest of its mail; a dot in NAME is a colon also in `.qmail-NAME-default`; NAME "default" is
not the domain's `.qmail-default`; mailman's lists are found, which the original never does; what may not be read is CouldNotTell.
A folder that users/assign gives to a domain, and that is none of vpopmail's, is looked at as qmail-local looks.

BUGS: aliases in a database (valias) are not known, as in `vpopmail`. A list, or a user with an extension, whose name has eight
dashes or more is not found by what is put behind it: as in `dot_qmail`.
"""

from collections.abc import Iterator

from twistedmx.qmail.account import Account
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.chkuser_checked import Checked
from twistedmx.qmail.chkuser_settings import ChkuserSettings
from twistedmx.qmail.dot_qmail import MOST_DASHES, Found, find_dot_qmail, is_there, safe_extension
from twistedmx.qmail.doubt import unreadable
from twistedmx.qmail.vpasswd import Flag
from twistedmx.qmail.vpasswd_file import NoVpasswd
from twistedmx.qmail.vpopmail import (
    Domain,
    Unclaimed,
    User,
    Vpopmail,
    percent_used,
    read_beginning,
    read_default,
)

_READ = 1023  # octets of a .qmail file, as in chkuser.c
_LONGEST = 255 - len(b".qmail-")  # octets of a name (NAME_MAX)


def find_in_domain(
    vpopmail: Vpopmail, domain: Domain, local: bytes, recipient: bytes, settings: ChkuserSettings
) -> Checked:
    """`local`: in small letters. `recipient`: as it was given, for the answer. Raises CouldNotTell."""
    account = Account(user=domain.name, uid=domain.uid, gid=domain.gid, home=domain.home, dash=b"-", extension=local)

    def accepted(case: Case = Case.ACCEPTED, user: User | None = None, found: Found | None = None) -> Checked:
        return Checked(case=case, address=recipient, account=account, user=user, dot_qmail=found)

    if settings.start == "DOMAIN" and not _is_checked(domain, settings):
        return accepted(Case.ACCEPTED_ANY_OF_DOMAIN)
    found = _alias(domain, local, settings)
    if found is not None:
        return accepted(found=found)
    if settings.users:
        try:
            user = _user(vpopmail, domain, local, settings)
        except NoVpasswd:
            if read_default(domain).unclaimed is not Unclaimed.ELSEWHERE:
                raise
            return accepted(found=find_dot_qmail(domain.home, b"-", local))
        if user is not None:
            case = _state(user, settings)
            return accepted(user=user) if case is Case.ACCEPTED else Checked(case=case, address=recipient)
    if settings.ezmlm and _is_list(domain, local, settings.ezmlm_dash):
        return accepted()
    if settings.mailman:
        found = _mailman(domain, local, settings)
        if found is not None:
            return accepted(found=found)
    return Checked(case=Case.NO_MAILBOX, address=recipient)


def _is_checked(domain: Domain, settings: ChkuserSettings) -> bool:
    """With start DOMAIN: does the domain bounce mail for nobody?"""
    if settings.bounce_file:
        return is_there(domain.home + b"/" + settings.bounce_file.encode())
    default = read_default(domain)
    return default.unclaimed is Unclaimed.NO_FILE or settings.bounce_string.encode() in default.text[:_READ]


def _alias(domain: Domain, local: bytes, settings: ChkuserSettings) -> Found | None:
    """The `.qmail` file of this name alone, not the one for all the rest."""
    found = find_dot_qmail(domain.home, b"-", local)
    if found is None or found.path == domain.home + b"/.qmail-default":
        return None
    is_exact = found.path == domain.home + b"/.qmail-" + safe_extension(local)
    return found if (settings.aliases if is_exact else settings.alias_default) else None


def _user(vpopmail: Vpopmail, domain: Domain, local: bytes, settings: ChkuserSettings) -> User | None:
    user = vpopmail.user(domain, local)
    if user is None and settings.extensions:
        for name in reversed(list(_beginnings(local, settings.users_dash))):
            user = vpopmail.user(domain, name)
            if user is not None:
                break
    return user


def _state(user: User, settings: ChkuserSettings) -> Case:
    if user.flags & Flag.BOUNCE_MAIL:
        return Case.NO_MAILBOX
    if settings.mailbox_quota and percent_used(user) >= settings.mailbox_quota:
        return Case.OVER_QUOTA
    return Case.ACCEPTED


def _is_list(domain: Domain, local: bytes, dash: str) -> bool:
    """Is the folder of a list of ezmlm there?"""
    return any(is_there(domain.home + b"/" + name + b"/editor") for name in _beginnings(local, dash))


def _mailman(domain: Domain, local: bytes, settings: ChkuserSettings) -> Found | None:
    wanted = settings.mailman_string.encode()
    for name in _beginnings(local, settings.mailman_dash):
        path = domain.home + b"/.qmail-" + safe_extension(name)
        try:
            text = read_beginning(path, _READ)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unreadable(path, error) from error
        if wanted in text:
            return Found(path=path, default=None)
    return None


def _beginnings(local: bytes, dash: str) -> Iterator[bytes]:
    """What stands before each of the first dashes that has something on both sides, the longest first; no more than the name of a
    file may be.

    None with a slash, nor of dots: nobody walks out of the folder of the domain.
    """
    octet, ends = dash.encode(), [0]
    while len(ends) <= MOST_DASHES and (at := local.find(octet, ends[-1] + 1, _LONGEST + 1)) >= 0:
        ends.append(at)
    for at in reversed(ends[1:]):
        if at < len(local) - 1 and b"/" not in local[:at] and local[:at].strip(b"."):
            yield local[:at]
