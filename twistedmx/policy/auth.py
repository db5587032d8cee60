"""What a site offers to those who want to show who they are: AUTH (RFC 4954)."""

import attrs

from twistedmx.ports import Passwords
from twistedmx.smtp.sasl import MECHANISMS


@attrs.frozen(kw_only=True)
class Auth:
    """`passwords`: are asked. `mechanisms`: at least one, in the order in which they are announced. `plain_text`: also before TLS.
    `seconds`: a check may take; what takes longer could not be told."""

    passwords: Passwords
    mechanisms: tuple[bytes, ...] = attrs.field(default=MECHANISMS, validator=attrs.validators.min_len(1))
    plain_text: bool = False
    seconds: float = 60.0

    @property
    def keyword(self) -> str:
        """The line of EHLO (RFC 4954 3)."""
        return b" ".join((b"AUTH", *self.mechanisms)).decode("ascii")
