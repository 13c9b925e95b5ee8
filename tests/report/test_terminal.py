"""What is drawn on a terminal, and the plain text elsewhere."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from support.terminals import terminal

from clsfw.report.terminal import Line, Screen, bad, bold, link, typed

PATH = "/a/path-of-a-run/" + "with-hyphens/" * 8 + "report.html"
LONG = "this line is longer than what a terminal of forty columns has room for"
ROWS: list[list[Line]] = [["macro F1", bold("0.5")], ["accuracy", "0.125"]]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def plain(*words: object) -> str:
    out = io.StringIO()
    Screen(out).line(*words)  # type: ignore[arg-type]
    return out.getvalue()


class TestLines:
    def test_a_pipe_gets_words_as_they_are(self) -> None:
        assert f"error: {LONG}\n" == plain(bad("error: "), LONG)

    def test_a_terminal_gets_styles_and_lines_that_end_between_words(self) -> None:
        with terminal(40) as narrow:
            Screen(narrow.stream).line(LONG, indent=2)
            told = narrow.lines()

        assert ["  this line is longer than what a", "    terminal of forty columns has room", "    for"] == told

    def test_no_path_is_cut(self) -> None:
        with terminal(40) as narrow:
            Screen(narrow.stream).line(f"clsfw: error: {PATH} is no run")
            told = narrow.lines()

        assert ["clsfw: error:", f"  {PATH}", "  is no run"] == told

    def test_text_cannot_drive_the_terminal_nor_style_itself(self) -> None:
        with terminal(80) as screen:
            Screen(screen.stream).line("[red]a\x1b[2J\u202eb[/red] :smile:")
            told = screen.lines()

        assert ["[red]a[2Jb[/red] :smile:"] == told

    def test_wide_letters_count_twice(self) -> None:
        with terminal(40) as narrow:
            Screen(narrow.stream).line("漢字 " * 10)
            told = narrow.lines()

        assert 2 == len(told)


class TestEnvironment:
    def test_colours_and_links_on_a_terminal(self, tmp_path: object) -> None:
        with terminal(80) as screen:
            told = written(screen, typed("clsfw"), link(tmp_path / "a"))  # type: ignore[operator]

        assert "\x1b[36mclsfw\x1b[0m" in told
        assert f"\x1b]8;;file://{tmp_path}/a\x1b\\" in told

    def test_no_color_leaves_bold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        with terminal(80) as screen:
            told = written(screen, bad("wrong"), typed("clsfw"))

        assert "\x1b[1mwrong\x1b[0mclsfw" == told

    def test_force_color_styles_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")

        assert f"\x1b[1;31merror\x1b[0m {LONG}\n" == plain(bad("error"), f" {LONG}")

    @pytest.mark.parametrize("term", ["dumb", ""])
    def test_a_dumb_terminal_gets_plain_words(self, term: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", term)
        with terminal(80) as screen:
            told = written(screen, bad("wrong"))

        assert "wrong" == told


class TestTables:
    def test_a_pipe_gets_columns(self) -> None:
        out = io.StringIO()
        Screen(out).table(["score", "value"], ROWS, "<>")

        assert ["  score     value", "  macro F1    0.5", "  accuracy  0.125"] == out.getvalue().splitlines()

    def test_a_table_too_wide_for_the_terminal_wraps_its_cells(self) -> None:
        with terminal(40) as narrow:
            Screen(narrow.stream).table(["", ""], [["metric", LONG], ["data", "short"]], "<<")
            told = narrow.lines()

        assert "  metric  this line is longer than what" == told[0].rstrip()
        assert [] == [line for line in told if len(line) > 40]
        assert told[-1].split() == ["data", "short"]


def written(screen: object, *words: object) -> str:
    Screen(screen.stream).line(*words)  # type: ignore[attr-defined, arg-type]
    return str(screen.lines()[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", [["--help"], ["list-plugins"], ["show", "quickstart"], ["predict", "--help"]])
def test_rich_is_not_imported_where_nothing_is_drawn(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom clsfw.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit('rich was imported' if 'rich' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_help_on_a_terminal_does_not_wait_for_rich() -> None:
    code = (
        "import sys\nfrom clsfw.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('rich' in sys.modules, file=sys.stderr)"
    )
    with terminal(100) as screen:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=screen.stream,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ,
        )
        told = screen.lines()

    assert "False\n" == done.stderr
    assert any("\x1b[1mBegin" in line for line in told)
