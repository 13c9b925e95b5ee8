"""The completion scripts, in the shells that are here."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from clsfw.cli import VERBS, main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def completed(line: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give what bash offers at the end of a line."""
    assert 0 == main(["completion", "bash"])
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    ask = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _clsfw; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    script = f"{capsys.readouterr().out}\n{ask}"
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("clsfw li", ["list-plugins"]),
        ("clsfw run qui", ["quickstart"]),
        ("clsfw run --fr", ["--fresh"]),
        ("clsfw new re", ["recipe"]),
        ("clsfw export-data quickstart --form", ["--format"]),
    ],
)
def test_bash_completes(line: str, offered: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert offered == completed(line, capsys)


def test_bash_completes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text("")

    assert ["mine.toml"] == completed("clsfw run mi", capsys)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_others_get_a_script_that_they_can_read(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["completion", shell])
    script = capsys.readouterr().out

    assert [] == [verb for verb in VERBS if verb not in script]
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n", "-c", script], check=True)
