"""`clsfw test-plugin`: tries an installed plugin against the contract."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

HELP = "try an installed plugin against the contract of its kinds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("plugin", metavar="NAME", help="a plugin, or the distribution that it comes from")
    parser.add_argument(
        "--settings", metavar="FILE", help="TOML with the settings to try components with, as [KIND.COMPONENT] tables"
    )


def main(args: argparse.Namespace) -> int:
    """Try every check and list them; 4 if one failed."""
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.errors import ContractError
    from clsfw.kit.text import clean, clean_lines
    from clsfw.testing import checks

    failed = 0
    with stdout_to_stderr():
        tried = checks(args.plugin, args.settings)
    for check in tried:
        try:
            with stdout_to_stderr():
                check()
        except ContractError as exc:
            failed += 1
            said = (f"{clean(str(check.subject))}: ", f"{check.name}: ")
            reason = clean_lines(str(exc)).removeprefix(said[0]).removeprefix(said[1])
            sys.stdout.write(f"FAILED  {clean(str(check))}\n        {reason}\n")
        else:
            sys.stdout.write(f"passed  {clean(str(check))}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(tried)} checks: {len(tried) - failed} passed, {failed} failed\n")
    return ContractError.exit_code if failed else 0
