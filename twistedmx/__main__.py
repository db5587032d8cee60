"""`python -m twistedmx` is the command `twistedmx`."""

import sys

from twistedmx.cli import main

if __name__ == "__main__":
    sys.exit(main())
