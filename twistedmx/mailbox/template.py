"""Where a mailbox has its Maildir: a template such as "/srv/mail/{domain}/{local}", and what may become a file name.

A local part is whatever a stranger's address may hold; its name on disk is made so that nothing leaves the template's
directory and no two mailboxes of a domain share a Maildir: "/", "%", spaces, control characters and a "." in front are
percent-encoded.

BUGS: names are UTF-8 in NFC; a file system that compares in its own way (case, NFD) may join two of them.
"""

import re
from typing import Final

import attrs

_PLACEHOLDER = re.compile(r"\{(?:local|domain)\}")
_UNSAFE = re.compile(r"^\.|[/% \x00-\x1f\x7f-\x9f]")
_NAME_OCTETS = 255  # NAME_MAX of every file system a mail server is likely to meet
# A path of ASCII characters that is no longer has no name that is too long.
SHORT: Final = _NAME_OCTETS


class UnsafeName(ValueError):
    """A path that cannot be a Maildir's. The text says what is wrong with it, in a half sentence."""


def check_maildir(path: str) -> None:
    """Raises UnsafeName unless `path` is absolute, without "..", without control characters, with names that fit."""
    if not path.startswith("/"):
        raise UnsafeName("it is relative")
    if not path.isascii() or len(path) > SHORT:
        for name in path.split("/"):
            if len(name.encode("utf-8", "surrogateescape")) > _NAME_OCTETS:
                raise UnsafeName(f"a name in it has more than {_NAME_OCTETS} octets")
    if not path.isprintable() and re.search(r"[\x00-\x1f\x7f-\x9f]", path):
        raise UnsafeName("it has a control character")
    if ".." in path and ".." in path.split("/"):
        raise UnsafeName('it has ".."')


def safe_name(part: str) -> str:
    """`part` as it may stand in a file name. Different parts give different names. Raises UnsafeName for an empty one."""
    if not part:
        raise UnsafeName("an empty local part has no name on disk")
    return _UNSAFE.sub(lambda found: "".join(f"%{octet:02X}" for octet in found[0].encode("utf-8")), part)


def _check_template(template: "MaildirTemplate", attribute: "attrs.Attribute[str]", text: str) -> None:
    try:
        check_maildir(text)
    except UnsafeName as wrong:
        raise ValueError(f"the Maildir template {text!r} cannot be used: {wrong}") from None
    if "{local}" not in text:
        raise ValueError(f"the Maildir template {text!r} has no {{local}}: all mailboxes would be one")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        raise ValueError(f"the Maildir template {text!r} may have {{local}} and {{domain}} and no other brace")


@attrs.frozen(kw_only=True)
class MaildirTemplate:
    """`text`: an absolute path with {local} and perhaps {domain}. Raises ValueError with words for the operator."""

    text: str = attrs.field(validator=_check_template)

    @property
    def root(self) -> str:
        """The directory that holds every Maildir made here, with a "/" at its end."""
        return self.text[: self.text.index("{")].rpartition("/")[0] + "/"

    def at(self, domain: str) -> str:
        """The template of one domain (A-labels), with {local} alone left in it."""
        return self.text.replace("{domain}", safe_name(domain))

    def maildir(self, local_part: str, domain: str) -> str:
        """The Maildir of `local_part` (normalised, unquoted) at `domain` (A-labels). Raises UnsafeName."""
        path = self.at(domain).replace("{local}", safe_name(local_part))
        check_maildir(path)
        return path
