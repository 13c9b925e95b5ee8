"""`python -m clsfw` is the same as `clsfw`."""

import sys

from clsfw.cli import main

if __name__ == "__main__":
    sys.exit(main())
