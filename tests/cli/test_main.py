"""The command line as a user meets it: help, exit codes, one clear message, and never a traceback."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from support.runs import write_run
from support.terminals import terminal

from clsfw.cli import VERBS, build_parser, main
from clsfw.cli.help import EXAMPLES
from clsfw.report.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clsfw", *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


class TestHelp:
    def test_it_names_every_verb(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["--help"])
        shown = capsys.readouterr().out

        assert [] == [verb for verb in VERBS if f"\n  {verb}" not in shown]

    def test_every_verb_has_an_example_and_the_docs(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert set(VERBS) == set(EXAMPLES)
        with pytest.raises(SystemExit):
            main(["run", "--help"])
        shown = capsys.readouterr().out

        assert f"example: {EXAMPLES['run']}\ndocs: {DOCS}" in shown

    def test_every_example_can_be_typed(self) -> None:
        for example in EXAMPLES.values():
            words = shlex.split(example.partition(" >")[0])[1:]
            assert words[0] == build_parser().parse_args(words).verb

    def test_the_address_of_the_docs_is_that_of_the_project(self, root: Path) -> None:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]

        assert DOCS == project["urls"]["Documentation"]

    @pytest.mark.parametrize("verb", VERBS)
    def test_every_verb_has_its_own(self, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exit_info:
            main([verb, "--help"])

        assert 0 == exit_info.value.code
        assert f"usage: clsfw {verb}" in capsys.readouterr().out

    def test_no_verb_shows_how_to_begin_and_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write_run(tmp_path / "runs/first", [0, 1, 0, 1], [0, 1, 0, 1])

        assert 2 == main([])
        shown = capsys.readouterr().out
        assert "  run quickstart " in shown
        assert "Your runs (runs/)" in shown
        assert "first  complete  accuracy 1.0000" in shown


class TestMistakes:
    def test_an_unknown_verb_is_exit_2(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert 2 == main(["rnu"])
        assert "unknown verb 'rnu'; did you mean 'run'?" in capsys.readouterr().err

    def test_a_shipped_recipe_misspelt_is_offered(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert 2 == main(["run", "quikstart"])
        assert "did you mean 'quickstart'?" in capsys.readouterr().err

    def test_each_problem_of_a_recipe_begins_with_its_place(
        self, tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        recipe = tmp_path / "recipe.toml"
        text = (root / "recipes" / "quickstart.toml").read_text()
        recipe.write_text(text.replace("batch_size", "batch_sise").replace("seed = 42", 'seed = "42"'))
        (tmp_path / "quickstart.csv").write_bytes((root / "recipes" / "quickstart.csv").read_bytes())

        assert 2 == main(["run", str(recipe)])
        lines = capsys.readouterr().err.splitlines()
        assert [str(recipe)] * 2 == [line.split(":")[0] for line in lines if line.startswith("/")]
        assert "clsfw: error: 2 problems in the recipe; nothing was run" == lines[-1]

    def test_a_message_cannot_drive_the_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert 2 == main(["run", "no\x1b[2Jsuch\u202e"])
        assert "\x1b" not in capsys.readouterr().err

    def test_a_long_message_ends_its_lines_between_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with terminal(80) as screen:
            monkeypatch.setattr(sys, "stderr", screen.stream)
            assert 2 == main(["schema", *["--word"] * 12])
            told = screen.lines()
        told[0] = told[0].replace("\x1b[1;31m", "").replace("\x1b[0m", "")

        assert [f"clsfw: error: unrecognized arguments: {'--word ' * 5}".rstrip(), "  --word"] == [told[0], told[1][:8]]

    def test_a_source_line_stays_whole_above_its_caret(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        line = f"{'key ' * 25}= 3"
        (tmp_path / "a.toml").write_text(f"{line}\n")
        monkeypatch.chdir(tmp_path)
        with terminal(80) as screen:
            monkeypatch.setattr(sys, "stderr", screen.stream)
            assert 2 == main(["run", "a.toml"])
            told = screen.lines()

        assert f"    {line}" in told

    def test_debug_shows_the_traceback(self) -> None:
        with pytest.raises(Exception, match=r"nope\.toml"):
            main(["run", "nope.toml", "--debug"])


class TestSurroundings:
    def test_a_reader_that_stops_early_leaves_no_traceback(self, tmp_path: Path) -> None:
        shell = f"set -o pipefail; {sys.executable} -m clsfw list-plugins | head -1"
        done = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False)

        assert (0, "") == (done.returncode, done.stderr)

    def test_an_encoding_that_is_not_utf_8_shows_question_marks(self, tmp_path: Path) -> None:
        done = command("run", "caf\u00e9.toml", cwd=tmp_path, PYTHONIOENCODING="ascii")

        assert 2 == done.returncode
        assert "caf?.toml" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "reproduce RUN --out LONG",
        "evaluate RUN --data LONG.csv --output x",
        "evaluate RUN --data quickstart.csv --output LONG",
        "run quickstart --out LONG",
        "new recipe quickstart.csv --out LONG.toml",
        "new recipe LONG.csv",
        "new plugin LONG",
        "predict LONG hello",
        "predict RUN --file LONG.csv",
        "compare LONG RUN",
        "show LONG",
        "check LONG",
        "export-data quickstart LONG",
    ],
)
def test_a_name_that_is_too_long_is_one_message(line, baseline, root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / "recipes" / "quickstart.csv", tmp_path)
    words = line.replace("LONG", "x" * 300).replace("RUN", str(baseline.directory)).split()

    assert main(words) in {2, 3, 6}
    assert "Traceback" not in capsys.readouterr().err
