"""The tutorial's plugin is the package in docs/examples: shown whole, installed, run and tested."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

FILE_BLOCK = re.compile(r"\*\*([^*\n]+)\*\*\n\n```\w+\n(.*?)\n```", re.DOTALL)
CONSOLE = re.compile(r"```console\n(.*?)\n```", re.DOTALL)
COMMAND = re.compile(r"^(?:python|mkdir|cp) .*", re.MULTILINE)
OUTPUT = re.compile(r"```text\n(.*?)\n```", re.DOTALL)


@pytest.fixture(scope="module")
def example(root):
    return root / "docs/examples/first_plugin"


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/tutorials/first-plugin.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    """Install both examples, truly, into a folder of their own."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("first_plugin", "fifteen_lines"):
        ignored = shutil.ignore_patterns("texts", "runs", "__pycache__", ".*")
        shutil.copytree(root / "docs/examples" / name, folder / name, ignore=ignored)
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    packages = [str(folder / "first_plugin"), str(folder / "fifteen_lines")]
    result = child("pip", "install", *options, "--target", str(folder / "site"), *packages, cwd=folder)
    assert 0 == result.returncode, result.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def work(page, tmp_path_factory):
    """Give the folder that somebody has who follows the page: its files, and what its commands make."""
    folder = tmp_path_factory.mktemp("work")
    for name, text in FILE_BLOCK.findall(page):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
    for command in COMMAND.findall("\n".join(CONSOLE.findall(page))):
        subprocess.run(command.replace("python", sys.executable), shell=True, cwd=folder, check=True)
    return folder


def child(*command, cwd, site=None):
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"}
    if site is not None:
        env["PYTHONPATH"] = str(site)
    command = [sys.executable, "-m", *command]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=300, check=False)


def outputs(page, heading):
    return OUTPUT.findall(page.split(f"\n## {heading}")[1].split("\n## ")[0])


def missing(shown, output):
    have = {line.rstrip() for line in output.splitlines()}
    return [line for block in shown for line in block.splitlines() if line.rstrip() not in have]


def test_every_file_is_shown_whole_and_nothing_else_is(page, example):
    shown: dict[str, list[str]] = {}
    for name, text in FILE_BLOCK.findall(page):
        shown.setdefault(name, []).extend(line for line in text.splitlines() if line.strip())
    files = {
        name: [line for line in (example / name).read_text(encoding="utf-8").splitlines() if line.strip()]
        for name in shown
    }

    assert files == shown


def test_every_file_of_the_package_is_shown(page, example):
    named = {name for name, _ in FILE_BLOCK.findall(page)}
    there = {p.relative_to(example).as_posix() for p in example.rglob("*") if p.suffix in {".py", ".toml"}}

    assert there == named


def test_it_is_listed_as_the_page_shows(page, site, tmp_path):
    result = child("clsfw", "list-plugins", cwd=tmp_path, site=site)

    assert [] == missing(outputs(page, "2. A data source"), result.stdout)


def test_the_data_source_runs_as_the_page_shows(page, site, work):
    result = child("clsfw", "run", "folders.toml", cwd=work, site=site)

    assert (0, []) == (result.returncode, missing(outputs(page, "3. Use it"), result.stdout + result.stderr))


def test_the_own_model_trainer_metric_and_watcher_run_as_the_page_shows(page, site, work):
    result = child("clsfw", "run", "words.toml", cwd=work, site=site)
    output = result.stdout + result.stderr

    assert (0, []) == (result.returncode, missing(outputs(page, "6. A watcher"), output))
    assert "test: accuracy 1.000" in output
    assert "worst_recall" in output


@pytest.mark.thorough
def test_it_keeps_the_contract_as_the_page_shows(page, site, work):
    result = child("clsfw", "test-plugin", "first-plugin", "--settings", "tests/settings.toml", cwd=work, site=site)

    assert (0, []) == (result.returncode, missing(outputs(page, "7. Does it"), result.stdout)), result.stdout


@pytest.mark.thorough
def test_its_own_tests_pass(site, example):
    result = child("pytest", "-q", "-p", "no:cacheprovider", "-k", "metric or trainer", cwd=example, site=site)

    assert 0 == result.returncode, result.stdout
    assert re.search(r"\d\d passed", result.stdout)


class TestFifteenLines:
    def test_it_is_fifteen_lines(self, root):
        lines = (root / "docs/examples/fifteen_lines/top_two.py").read_text(encoding="utf-8").splitlines()

        assert 15 == len(lines)

    def test_it_is_listed_and_keeps_the_contract(self, site, tmp_path):
        result = child("clsfw", "test-plugin", "top-two", cwd=tmp_path, site=site)

        assert (0, "13 checks: 13 passed, 0 failed") == (result.returncode, result.stdout.splitlines()[-1])


@pytest.mark.parametrize("check", [("check",), ("format", "--check")], ids=["check", "format"])
def test_the_examples_are_clean(check, root):
    result = child("ruff", *check, "--no-cache", ".", cwd=root / "docs/examples")

    assert 0 == result.returncode, result.stdout
