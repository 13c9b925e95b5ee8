"""`clsfw compare`: which of several runs is better on the same test rows, and whether that could be luck."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from clsfw.evidence.comparison import Comparison, Pair, Side

HELP = "compare complete runs on the same test rows: paired tests, and one plain sentence"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run directories, two or more")
    parser.add_argument("--json", action="store_true", help="print a JSON object on standard output")


def main(args: argparse.Namespace) -> int:
    """Print the comparison."""
    from clsfw.cli.streams import say
    from clsfw.evidence.compare import compare_runs

    comparison = compare_runs(args.runs)
    if args.json:
        sys.stdout.write(json.dumps(comparison.to_json(), indent=2) + "\n")
    else:
        say("\n".join(_lines(comparison)))
    return 0


def _lines(comparison: Comparison) -> Iterator[str]:
    from clsfw.kit.text import clean

    width = max(len(side.letter) for side in comparison.sides)
    yield f"{comparison.pairs[0].rows:,} test rows, the same for all runs"
    yield ""
    for side in comparison.sides:
        yield f"{side.letter:<{width}}  {clean(side.run)}"
    yield ""
    yield f"{'':<{width}}  accuracy  macro F1    training  prediction      in all      model"
    for side in comparison.sides:
        yield (
            f"{side.letter:<{width}}  {side.accuracy:>8.4f}  {side.f1:>8.4f}  {_seconds(side, 'train_seconds'):>10}  "
            f"{_seconds(side, 'predict_seconds'):>10}  {_seconds(side, 'total_seconds'):>10}  {_bytes(side):>9}"
        )
    for pair in comparison.pairs:
        yield ""
        yield from _pair(pair, several=len(comparison.pairs) > 1)
    told = [f"{side.letter}  {clean(str(finding))}" for side in comparison.sides for finding in side.findings]
    yield from ["", *told] if told else []


def _pair(pair: Pair, *, several: bool) -> Iterator[str]:
    a, b = pair.a.letter, pair.b.letter
    yield f"{a} and {b}: {pair.sentence}" if several else pair.sentence
    yield (
        f"  only {a} right {pair.only_a_right:,}, only {b} right {pair.only_b_right:,}, "
        f"both right {pair.both_right:,}, both wrong {pair.both_wrong:,}"
    )
    low, high = pair.f1_interval
    yield f"  macro F1: {a} less {b} is {pair.f1_difference:+.4f} (95 % {low:+.4f} to {high:+.4f})"
    corrected = f" ({pair.corrected_p:.3g} corrected for the number of pairs)" if several else ""
    yield f"  McNemar p = {pair.mcnemar_p:.3g}{corrected}, bootstrap p = {pair.bootstrap_p:.3g}"


def _seconds(side: Side, name: str) -> str:
    return f"{side.timings[name]:,.1f} s" if name in side.timings else "-"


def _bytes(side: Side) -> str:
    return f"{side.model_bytes / 1e6:,.1f} MB"
