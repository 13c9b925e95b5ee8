"""The picture of the terminal in the README is that of a real run.

`CLSFW_PICTURES=1 pytest tests/docs/test_pictures.py` draws it again.
"""

from __future__ import annotations

import html
import os
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from support.terminals import terminal

import clsfw
from clsfw.report.summary import summarize
from clsfw.report.terminal import Screen

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = 100
THEME = TerminalTheme(
    (20, 24, 28),
    (227, 231, 235),
    [
        (59, 66, 82),
        (255, 141, 133),
        (99, 201, 139),
        (226, 181, 74),
        (127, 180, 255),
        (216, 160, 223),
        (108, 205, 214),
        (227, 231, 235),
    ],
)
# rich's own frame, without fonts that it would fetch from elsewhere
FRAME = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>clsfw run recipes/quickstart.toml</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; }}
.{unique_id}-matrix {{ font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the quickstart, and draw what a terminal shows at its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    run = clsfw.run("quickstart", display="none")
    with terminal(COLUMNS) as screen:
        told: list[str] = []
        summarize(Screen(screen.stream), run)
        told = screen.lines()
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"), force_terminal=True)  # noqa: SIM115, PTH123
    console.print(Text.from_ansi("\x1b[36m$ clsfw run recipes/quickstart.toml\x1b[0m"))
    for line in told:
        console.print(Text.from_ansi(line))
    console.file.close()
    return console.export_svg(title="clsfw", theme=THEME, code_format=FRAME, unique_id="clsfw")


def words(svg: str) -> set[str]:
    """Return the words of a picture, without those of findings, which another machine may not have."""
    lines = [html.unescape(line) for line in re.findall(r"<text[^>]*>(.*?)</text>", svg)]
    return {word for line in lines for word in re.findall(r"[A-Za-z]{3,}", line)}


def test_the_picture_of_the_terminal_shows_what_a_run_prints(drawn: str, root: Path) -> None:
    path = root / "docs" / "pictures" / "terminal.svg"
    if os.environ.get("CLSFW_PICTURES"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
    kept = {
        "test",
        "texts",
        "right",
        "majority",
        "class",
        "macro",
        "precision",
        "recall",
        "accuracy",
        "report",
        "model",
        "next",
    }
    assert words(path.read_text(encoding="utf-8")) & kept == words(drawn) & kept
    assert kept <= words(drawn)


def test_the_picture_fetches_nothing(root: Path) -> None:
    text = (root / "docs" / "pictures" / "terminal.svg").read_text(encoding="utf-8")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "/tmp" not in text  # no path of the machine that drew it
