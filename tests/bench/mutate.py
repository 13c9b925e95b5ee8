"""Puts small faults into code, one at a time, and counts those that its tests do not notice.

    python tests/bench/mutate.py clsfw_torch --tests tests/plugins/torch --count 20

The folder is a package under `plugins/` or `clsfw/`. Each fault goes into a copy that stands first on the path, so the
checkout is never touched. Survivors are printed for a person to judge: some change no behaviour.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets  # noqa: F401  # slow to import; each fork has it
import pytest
import sklearn.linear_model  # noqa: F401
import transformers  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).parents[2]
OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"), ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
    ast.And: ("and", "or"), ast.Or: ("or", "and"),
}  # fmt: skip
CPU_S = 300


@dataclass(frozen=True)
class Fault:
    """The text from `start` to `end` of a file is replaced by `text`."""

    file: Path
    line: int
    start: int
    end: int
    text: str


def main() -> int:
    """Try so many faults; 1 if more than one in twenty was not noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", help="the name of a package, such as clsfw_torch, or of a room, such as clsfw/store")
    parser.add_argument("--tests", nargs="+", required=True, help="what pytest runs, the quickest first")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip", nargs="*", default=[], help="names of files that get no faults")
    args = parser.parse_args()

    base = ROOT if args.package.split("/")[0] == "clsfw" else ROOT / "plugins"
    found = [
        fault
        for file in sorted((base / args.package).rglob("*.py"))
        if file.name not in args.skip
        for fault in faults(file)
    ]
    chosen = random.Random(args.seed).sample(found, min(args.count, len(found)))
    sys.stdout.write(f"{len(found)} faults are possible, {len(chosen)} are tried\n")
    with copied(base, args.package.split("/")[0]) as folder:
        if forked([folder, str(base), str(ROOT)], args.tests) != 0:
            sys.exit("the tests fail without any fault, so they would notice every one")
    survivors = [fault for fault in chosen if not noticed(fault, base, args.tests)]
    sys.stdout.write(f"{len(survivors)} of {len(chosen)} were not noticed\n")
    return int(20 * len(survivors) > len(chosen))


def faults(file: Path) -> Iterator[Fault]:
    """Give every fault that can be put into a file."""
    data = file.read_bytes()
    lines = [0]
    for line in data.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    for node in code(ast.parse(data)):
        for first, last, change in changes(node):
            start = lines[first.lineno - 1] + first.col_offset
            end = lines[last.end_lineno - 1] + last.end_col_offset
            was = data[start:end].decode()
            now = change(was)
            if now != was:
                yield Fault(file, first.lineno, start, end, now)


def changes(node: Any) -> Iterator[tuple[Any, Any, Callable[[str], str]]]:
    """Give first and last node of a piece of text, and what becomes of the text."""
    if isinstance(node, (ast.Compare, ast.BinOp, ast.BoolOp)):
        left, right, operator = operands(node)
        symbol, other = OPERATORS.get(type(operator), ("", ""))
        yield left, right, lambda was: swapped(was, ast.unparse(left), symbol, other)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node, node, lambda was: was.removeprefix("not ").removeprefix("-")
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield node.test, node.test, lambda was: f"(not ({was}))"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node, node, lambda _: repr(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield node, node, lambda was: f"({was} + 1)"
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings":
        yield node, node, lambda _: "0"  # a setting that is not heeded
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, node, lambda _: "pass"  # a call that is left out


def operands(node: ast.Compare | ast.BinOp | ast.BoolOp) -> tuple[ast.expr, ast.expr, ast.AST]:
    if isinstance(node, ast.Compare):
        return node.left, node.comparators[0], node.ops[0]
    if isinstance(node, ast.BinOp):
        return node.left, node.right, node.op
    return node.values[0], node.values[1], node.op


def swapped(was: str, left: str, symbol: str, other: str) -> str:
    """Give the text of an operation with the other operator, or as it was where the operator is not found for sure."""
    place = was.find(f" {symbol} ", len(left) - 2 if was.startswith(left) else 0)
    if not symbol or place < 0 or (not was.startswith(left) and was.count(f" {symbol} ") > 1):
        return was
    return f"{was[:place]} {other} {was[place + len(symbol) + 2 :]}"


def code(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through what runs: no annotations, no messages of errors, no work for type checkers."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or isinstance(node, (ast.JoinedStr, ast.Raise, ast.Import)):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            yield node
            yield from code(node)


def noticed(fault: Fault, base: Path, tests: Sequence[str]) -> bool:
    """Run the tests with a fault, those that mirror the file first, and say whether one failed."""
    data = fault.file.read_bytes()
    package = fault.file.relative_to(base).parts[0]
    mirrored = [str(path) for test in tests for path in sorted((ROOT / test).glob(f"test_{fault.file.stem}*.py"))]
    with copied(base, package) as folder:
        copy = Path(folder) / fault.file.relative_to(base)
        copy.write_bytes(data[: fault.start] + fault.text.encode() + data[fault.end :])
        began = time.monotonic()
        killed = forked([folder, str(base), str(ROOT)], [*mirrored, *tests]) != 0
    line = data.decode().splitlines()[fault.line - 1].strip()
    was = data[fault.start : fault.end].decode()
    sys.stdout.write(
        f"{'noticed ' if killed else 'SURVIVED'} {time.monotonic() - began:4.0f} s "
        f"{fault.file.relative_to(base)}:{fault.line}: {was!r} -> {fault.text!r} in `{line}`\n"
    )
    sys.stdout.flush()
    return killed


@contextmanager
def copied(base: Path, package: str) -> Iterator[str]:
    """Provide a folder with a copy of a package, and the recipes that it looks for beside itself."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(base / package, Path(folder) / package, ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "recipes").symlink_to(ROOT / "recipes")
        yield folder


def forked(path: Sequence[str], tests: Sequence[str]) -> int:
    """Run the tests in a fork of this process, which has imported the slow libraries already; return how it ended."""
    pid = os.fork()
    if pid == 0:
        os.setsid()  # so that what a test starts ends with it
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))  # for loops without an end
        signal.alarm(4 * CPU_S)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.chdir(ROOT)
        os.environ |= {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}
        sys.path[:0] = path
        sys.dont_write_bytecode = True
        quiet = "ignore::pytest.PytestAssertRewriteWarning"  # of what was imported before
        os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-W", quiet, *tests]))
    status = os.waitpid(pid, 0)[1]
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return status


if __name__ == "__main__":
    sys.exit(main())
