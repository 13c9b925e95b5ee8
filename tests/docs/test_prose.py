"""The prose check: words that a reader trips over are in no page, message or docstring."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "| instead of | write |"


class Word(NamedTuple):
    """A word as the contributors' page shows it, what to write instead, and how it is found."""

    shown: str
    instead: str
    pattern: str


WORDS = [
    Word("mend", "fix", r"\bmend(s|ed|ing)?\b"),
    Word("reckon", "estimate", r"\breckon(s|ed|ing)?\b"),
    Word("anew", "again, over", r"\banew\b"),
    Word("at hand", "available", r"\bat hand\b"),
    Word("but for", "except", r"\bbut for\b"),
    Word("is no X", "is not a X, there is no X", r"(?<!\bthere )\b(is|are|was|were) no (?!longer\b|more\b|less\b)"),
    Word("tell, told", "report, say, show", r"\b(tells?|told|telling)\b"),
    Word("stand, stood", "be, appear", r"\b(stands?|stood)\b(?! (for|out|up)\b)"),
    Word("to the letter", "exactly", r"\bto the letter\b"),
    Word("otherwise than", "differently from", r"\botherwise than\b"),
    Word("called like", "with the name of", r"\bcalled like\b"),
    Word("from nothing", "from scratch", r"\bfrom nothing\b"),
    Word("without a word", "silently", r"\bwithout a word\b"),
    Word("slip of the finger", "typo", r"\bslip of the finger\b"),
    Word("gives back", "returns", r"\bgives? back\b"),
    Word("none of it, no one", "nothing of it, nobody", r"\b(none of it|no one)\b"),
    Word("thereof, therein, lest", "a word of today", r"\b(there|where)(of|in|by|upon)\b|\b(lest|hitherto)\b"),
]
OPENINGS = Word("Give ..., Tell ... (docstrings)", "Return ...", r"(Give|Tell|Say whether|Reckon)\b")


def _faults(text: str) -> Iterator[str]:
    text = " ".join(text.split())
    spoken = re.sub(r"`[^`]*`", "`...`", text)
    for word in WORDS:
        if found := re.search(word.pattern, spoken, re.IGNORECASE):
            yield f"...{spoken[max(found.start() - 40, 0) : found.end() + 40]}...: write {word.instead}"


def _page(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs of a page with their first lines, without its code and without the table of these words."""
    code = table = False
    first, paragraph = 1, ""
    for number, line in enumerate([*path.read_text(encoding="utf-8").split("\n"), ""], 1):
        fence = line.lstrip().startswith("```")
        code ^= fence
        table = line == TABLE or (table and line.startswith("|"))
        if line and not code and not fence and not table:
            first, paragraph = (first, f"{paragraph}\n{line}") if paragraph else (number, line)
        elif paragraph:
            yield first, paragraph
            paragraph = ""


def _docstring(node: ast.AST) -> ast.expr | None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if isinstance(node, kinds) and ast.get_docstring(node) is not None:
        return node.body[0].value
    return None


def _strings(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield the strings of more than one word in a module: their line, text, and whether they are a docstring."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    docstrings = {id(found) for node in nodes if (found := _docstring(node)) is not None}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value, id(node) in docstrings


def _pages(root: Path) -> list[Path]:
    return [*root.glob("*.md"), *(root / "docs").rglob("*.md")]


def _modules(root: Path) -> list[Path]:
    return [path for folder in ("clsfw", "plugins") for path in (root / folder).rglob("*.py")]


def test_pages_are_plain_english(root):
    pages = _pages(root)

    assert {"README.md", "CHANGELOG.md", "errors.md"} <= {path.name for path in pages}
    assert [] == [
        f"{path.relative_to(root)}:{number}: {fault}"
        for path in pages
        for number, line in _page(path)
        for fault in _faults(line)
    ]


def test_messages_and_docstrings_are_plain_english(root):
    modules = _modules(root)

    assert len(modules) > 200
    assert [] == [
        f"{path.relative_to(root)}:{number}: {fault}"
        for path in modules
        for number, text, _ in _strings(path)
        for fault in _faults(text)
    ]


def test_docstrings_say_return(root):
    assert [] == [
        f"{path.relative_to(root)}:{number}: {text.partition(chr(10))[0]!r}: write {OPENINGS.instead}"
        for path in _modules(root)
        for number, text, is_docstring in _strings(path)
        if is_docstring and re.match(OPENINGS.pattern, text)
    ]


def test_contributors_find_the_words(root):
    page = (root / "docs/how-to/contribute.md").read_text(encoding="utf-8").split("\n")
    start = page.index(TABLE) + 2

    assert [f"| {word.shown} | {word.instead} |" for word in (*WORDS, OPENINGS)] == page[start : start + len(WORDS) + 1]


@pytest.mark.parametrize(
    "text",
    [
        "the setting that mends it",
        "start anew with --fresh",
        "'a' is no split",
        "none of these are no files",
        "Leaks are told at the end.",
        "where it stands",
        "Reckons memory",
    ],
)
def test_a_fault_is_found(text):
    assert 1 == len(list(_faults(text)))


@pytest.mark.parametrize(
    "text",
    [
        "there is no split 'a'",
        "a standard term stands for it",
        "we recommend it",
        "it is no longer kept",
        "`tell` is called",
    ],
)
def test_plain_english_passes(text):
    assert [] == list(_faults(text))


def test_code_in_a_page_is_not_read(tmp_path):
    (tmp_path / "page.md").write_text("one\n```\ntell\n```\ntwo\nlines", encoding="utf-8")

    assert [(1, "one"), (5, "two\nlines")] == list(_page(tmp_path / "page.md"))


def test_strings_of_a_module_are_found(tmp_path):
    (tmp_path / "module.py").write_text('"""Tell it."""\nx = f"a {1} is no b"\nkey = "word"\n', encoding="utf-8")

    assert [(1, "Tell it.", True), (2, "a ", False), (2, " is no b", False)] == list(_strings(tmp_path / "module.py"))
