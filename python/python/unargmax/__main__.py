"""The command ``unargmax``, which this package carries: the script of that name, and ``python -m unargmax``."""

import sys

from ._unargmax import command


def main() -> None:
    """Run the command with the arguments of this process, and exit with its status."""
    sys.exit(command(["unargmax", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
