"""`clsfw completion`: a script with which a shell completes verbs, options, shipped recipes and file names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

HELP = "print a script with which bash, zsh or fish completes verbs, options and shipped recipes"

_ON_RECIPES = ("run", "check", "show", "export-data")

_BASH = """\
_clsfw() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{verbs} --help --version"
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
    [ "$COMP_CWORD" -eq 1 ] && COMPREPLY=($(compgen -W "$words" -- "$word"))
    return 0
}}
complete -o filenames -F _clsfw clsfw
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")


def main(args: argparse.Namespace) -> int:
    """Print the script."""
    from clsfw.cli import build_parser
    from clsfw.recipe.shipped import shipped_recipes

    known = _options(build_parser())
    recipes = list(shipped_recipes())
    sys.stdout.write(_fish(known, recipes) if args.shell == "fish" else _bash(known, recipes, zsh=args.shell == "zsh"))
    return 0


def _options(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Return the options of each verb, and the words that stand for a fixed choice."""
    from argparse import _SubParsersAction

    found: dict[str, list[str]] = {}
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to list them
        if isinstance(action, _SubParsersAction):
            for verb, sub in action.choices.items():
                own = [option for each in sub._actions for option in each.option_strings]  # noqa: SLF001
                choices = [str(word) for each in sub._actions if each.choices for word in each.choices]  # noqa: SLF001
                found[verb] = own + choices
    return found


def _bash(known: dict[str, list[str]], recipes: list[str], *, zsh: bool) -> str:
    cases = "\n".join(
        f'            {verb}) words="{" ".join(words + (recipes if verb in _ON_RECIPES else []))}" ;;'
        for verb, words in known.items()
    )
    script = _BASH.format(verbs=" ".join(known), cases=cases)
    return f"autoload -U +X bashcompinit && bashcompinit\n{script}" if zsh else script


def _fish(known: dict[str, list[str]], recipes: list[str]) -> str:
    lines = [f"complete -c clsfw -n __fish_use_subcommand -f -a '{' '.join(known)}'"]
    for verb, words in known.items():
        given = " ".join(words + (recipes if verb in _ON_RECIPES else []))
        lines.append(f"complete -c clsfw -n '__fish_seen_subcommand_from {verb}' -a '{given}'")
    return "\n".join(lines) + "\n"
