"""Who asks the DNS for chkuser: a seam. No resolver is built here, and without one nothing is asked.

Nor is anything of it chkuser's own: it stands where whoever answers can see it, which is not here.
"""

from twistedmx.policy.mx import Mx, MxAnswer, MxSettings

__all__ = ["Mx", "MxAnswer", "MxSettings"]
