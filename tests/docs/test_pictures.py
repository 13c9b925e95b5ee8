"""The pictures of the terminal and of the report in the README are those of a real run.

`CLSFW_PICTURES=1 pytest tests/docs/test_pictures.py` draws them again.
"""

from __future__ import annotations

import html
import os
import re
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from support.terminals import terminal

import clsfw
from clsfw.report.summary import summarize
from clsfw.report.terminal import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.browser import Browser

    from clsfw.evidence.finished import FinishedRun

COLUMNS = 100
WIDTH, HEIGHT = 1100, 1000  # of the report's picture
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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedRun]:
    """Run the quickstart, and stay where it ran."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("pictures"))
        yield clsfw.run("quickstart", display="none")


@pytest.fixture
def drawn(run: FinishedRun, monkeypatch: pytest.MonkeyPatch) -> str:
    """Draw what a terminal shows at the end of the run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
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


@pytest.mark.thorough
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


NOTE = "Description"  # where the picture of the report says what it shows


def header(run: FinishedRun) -> str:
    """Return the words of the report's top: no numbers, and no findings, which another machine may not have."""
    top = (run.directory / "report.html").read_text(encoding="utf-8").partition("<body>")[2].partition("<main>")[0]
    top = re.sub(r'<h2>What to look at</h2><ul class="look">.*?</ul>', "", top, flags=re.DOTALL)
    return " ".join(re.findall(r"[A-Za-z]{3,}", html.unescape(re.sub(r"<[^>]*>", " ", top))))


@pytest.mark.skipif(not os.environ.get("CLSFW_PICTURES"), reason="draws the picture of the report only when asked")
def test_the_report_is_photographed(run: FinishedRun, browser: Browser, root: Path, tmp_path: Path) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setScrollbarsHidden", hidden=True)
    browser.call("Page.navigate", url=(run.directory / "report.html").absolute().as_uri())
    browser.until("document.readyState === 'complete' && document.querySelector('footer') !== null")
    browser.photograph(tmp_path / "report.png")
    with Image.open(tmp_path / "report.png") as picture:
        note = PngInfo()
        note.add_text(NOTE, header(run))
        picture.convert("P", palette=Image.Palette.ADAPTIVE).save(
            root / "docs" / "pictures" / "report.png", optimize=True, pnginfo=note
        )


@pytest.mark.thorough
def test_the_picture_of_the_report_shows_todays_report(run: FinishedRun, root: Path) -> None:
    with Image.open(root / "docs" / "pictures" / "report.png") as picture:
        assert (WIDTH, HEIGHT) == picture.size
        assert header(run) == picture.text[NOTE]
