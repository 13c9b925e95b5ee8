"""`clsfw new`: the first version of a plugin, or of a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.errors import UsageError

if TYPE_CHECKING:
    import argparse

HELP = "write a plugin package, a recipe for your data, or a copy of a shipped recipe"

_MODELS = ("tfidf", "embed", "minilm", "distilbert", "modernbert")
_KINDS = ("data", "model", "trainer", "metric", "watcher", "searcher", "exporter", "executor")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `new plugin` and `new recipe`."""
    things = parser.add_subparsers(dest="thing", metavar="THING", required=True)
    plugin = things.add_parser("plugin", help="write a plugin package into ./NAME")
    plugin.add_argument("name", metavar="NAME", help="of the distribution, the plugin and its component")
    plugin.add_argument("--kind", choices=_KINDS, default="data", help="what it contributes (default: %(default)s)")
    plugin.add_argument("--with-trainer", action="store_true", help="with --kind model: a trainer of its own beside it")
    recipe = things.add_parser("recipe", help="write a recipe for files of rows, or copy a shipped one")
    recipe.add_argument(
        "data",
        metavar="DATA",
        nargs="*",
        default=[],
        help="the files to look at, .csv, .tsv, .jsonl or .parquet, also packed; or a folder with train.csv, test.csv",
    )
    recipe.add_argument("--from", dest="source", metavar="NAME", help="a recipe that ships with clsfw: quickstart, say")
    recipe.add_argument(
        "--validation", metavar="FILE", help="a file of validation rows, where DATA are those of training"
    )
    recipe.add_argument("--test", metavar="FILE", help="a file of test rows, likewise")
    recipe.add_argument(
        "--out", metavar="FILE", help="where to write the recipe (default: beside you, by its own name)"
    )
    recipe.add_argument("--text-column", metavar="COLUMN", help="the column that holds the texts")
    recipe.add_argument(
        "--text-pair-column", metavar="COLUMN", help="the column that holds the second texts, where rows are pairs"
    )
    recipe.add_argument("--label-column", metavar="COLUMN", help="the column that holds the labels")
    recipe.add_argument("--model", choices=_MODELS, default="tfidf", help="what learns (default: %(default)s)")
    recipe.add_argument("--study", action="store_true", help="with a search for settings, for `clsfw study`")


def main(args: argparse.Namespace) -> int:
    """Write it, and say what to do next."""
    lines = _plugin(args) if args.thing == "plugin" else _recipe(args)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _plugin(args: argparse.Namespace) -> list[str]:
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.scaffold.plugin import write_plugin

    with stdout_to_stderr():
        written = write_plugin(args.name, args.kind, Path.cwd(), with_trainer=args.with_trainer)
    lines = [f"wrote {path.relative_to(Path.cwd())}" for path in written]
    return [
        *lines,
        "",
        "next:",
        f"    pip install -e './{args.name}[test]'",
        "    clsfw list-plugins",
        f"    cd {args.name} && pytest",
    ]


def _recipe(args: argparse.Namespace) -> list[str]:
    from clsfw.kit.text import clean
    from clsfw.scaffold.recipe import copy_recipe, recipe_for

    out = Path(args.out) if args.out is not None else None
    if bool(args.data) == (args.source is not None):
        raise UsageError("give files of rows, or --from NAME; see clsfw new recipe --help")
    if args.source is not None and args.study:
        raise UsageError("--study goes with files of rows; to a copy of a recipe add the table [study] by hand")
    if args.source is not None:
        written = copy_recipe(args.source, out)
        lines = [f"wrote {path}" for path in written]
        return [*map(clean, lines), clean(f"next: clsfw run {written[0]}")]
    others = {split: Path(file) for split in ("validation", "test") if (file := getattr(args, split)) is not None}
    new = recipe_for(
        [Path(file) for file in args.data],
        out,
        others=others,
        text_column=args.text_column,
        text_pair_column=args.text_pair_column,
        label_column=args.label_column,
        model=args.model,
        study=args.study,
    )
    seen = new.seen
    texts = f"texts in {seen.text_column!r}"
    if seen.pair_column is not None:
        texts = f"pairs of texts in {seen.text_column!r} and {seen.pair_column!r}"
    found = f"{texts}, labels in {seen.label_column!r} ({len(seen.labels)} classes)"
    found += f", ids in {' and '.join(map(repr, seen.id_columns))}" if seen.id_columns else ""
    verb = "study" if args.study else "run"
    doubts = [f"mind: {doubt}" for doubt in new.doubts]
    lines = [f"{', '.join(args.data)}: {found}", *doubts, f"wrote {new.path}", f"next: clsfw {verb} {new.path}"]
    return list(map(clean, lines))
