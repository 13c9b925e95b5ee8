"""SIGKILL while a verb works on a complete run: the run is untouched, and the same command ends with the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.children import in_child
from support.operations import operations_of
from support.small import write_small_run

from clsfw.cli import main
from clsfw.inference import chunks
from clsfw.store.rundir import read_run
from clsfw.testing.faults import faults, kill

# Python 3.12 warns of a fork where other tests left threads; the children here use none of those.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

TEXTS = [f"a {'fine' if n % 3 else 'dull'} evening number {n}" for n in range(60)]
VERBS = {
    "predict-csv": "predict run --file new.parquet --output out/new.csv",
    "predict-jsonl": "predict run --file new.parquet --output out/new.jsonl",
    "predict-parquet": "predict run --file new.parquet --output out/new.parquet",
    "evaluate": "evaluate run --data new.parquet --output out/scores",
    "compare": "compare run other --json",
    "reproduce": "reproduce run --out out/again",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a folder with two complete runs and new rows; everything heavy is imported before anything forks."""
    folder = tmp_path_factory.mktemp("killed")
    write_small_run(folder)
    shutil.copytree(folder / "run", folder / "other")
    labels = ["pos" if n % 3 else "neg" for n in range(60)]
    pq.write_table(pa.table({"text": TEXTS, "label": labels, "n": range(60)}), folder / "new.parquet")
    return folder


@pytest.fixture(autouse=True)
def _here(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setattr(chunks, "ROWS", 10)
    shutil.rmtree("out", ignore_errors=True)
    (project / "out").mkdir()


def bytes_of(folder):
    """Give what a verb ends with, but for what comes from a clock."""
    clocked = ("timings.json", "run.json", "report.html", "manifest.json", "README.md", "lock")
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in clocked)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def call(verb, fault=None):
    """Call a verb in a child process that tells nobody anything; its exit code must be 0."""

    def job():
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        if fault is None:
            code = main(VERBS[verb].split())
        else:
            with faults(fault):
                code = main(VERBS[verb].split())
        assert code == 0

    return job


def undisturbed(verb, project):
    """Give what a verb leaves, how many file operations it takes, and how long."""

    def done():
        assert 0 == main(VERBS[verb].split())

    began = time.monotonic()
    last = operations_of(done)
    length = time.monotonic() - began
    expected = bytes_of(project / "out")
    shutil.rmtree(project / "out")
    (project / "out").mkdir()
    return expected, last, length


def after(killed, verb, project, expected, run):
    """Say what is wrong after a kill, and after the same command was given again."""
    wrong = []
    found = bytes_of(project / "out")
    finished = {name for name in found if name in expected and not name.startswith("again/")}
    wrong += [f"{killed}: {name} is there, and not whole" for name in finished if found[name] != expected[name]]
    if bytes_of(project / "run") != run:
        wrong.append(f"{killed}: the run itself is another")
    if verb == "evaluate" and (project / "out" / "scores").exists():
        shutil.rmtree(project / "out" / "scores")  # it was complete, and is never replaced
    again = project / "out" / "again"
    if (again / "run.json").exists() and read_run(again, allow_incomplete=True)["state"] == "complete":
        whole = {
            name: data for name, data in found.items() if ".tmp-" not in name
        }  # of checkpoints that were half gone
        wrong += [] if whole == expected else [f"{killed}: what says it is complete ended otherwise"]
        shutil.rmtree(again)  # it was complete, and would be moved aside
    if (ended := in_child(call(verb))) != 0:
        wrong.append(f"{killed}: the same command ended with {ended}")
    left = bytes_of(project / "out")
    left = {name: data for name, data in left.items() if ".tmp-" not in name or name.startswith("again/")}
    if left != expected:
        wrong.append(f"{killed}: the same command ended otherwise, in {sorted(left.items() ^ expected.items())!r:.300}")
    shutil.rmtree(project / "out")
    (project / "out").mkdir()
    return wrong


def lost_at_operations(verb, project, every, first):
    """Kill a verb at every so-manieth of its file operations."""
    expected, count, _ = undisturbed(verb, project)
    run, wrong = bytes_of(project / "run"), []
    for at in range(first, count + 1, every):
        ended = in_child(call(verb, kill(at)))
        if ended != signal.SIGKILL:  # the last few are not always there
            wrong += [] if (ended, at > count - 10) == (0, True) else [f"operation {at}: ended with {ended}"]
        wrong += after(f"operation {at}", verb, project, expected, run)
    return wrong


def lost_at_moments(verb, project, kills, seed):
    """Kill a verb at random moments, until so many lives were cut short."""
    expected, _, length = undisturbed(verb, project)
    run, moments, wrong, killed = bytes_of(project / "run"), random.Random(seed), [], 0
    while killed < kills:
        pid = os.fork()
        if pid == 0:
            try:
                call(verb)()
            finally:
                os._exit(0)
        time.sleep(moments.uniform(0, length))
        os.kill(pid, signal.SIGKILL)
        killed += os.waitpid(pid, 0)[1] == signal.SIGKILL
        wrong += after(f"kill {killed}", verb, project, expected, run)
    return wrong


@pytest.mark.parametrize(
    ("verb", "every"),
    [("predict-csv", 11), ("predict-jsonl", 13), ("predict-parquet", 2), ("evaluate", 3), ("reproduce", 19)],
)
def test_a_kill_at_a_file_operation_loses_nothing(verb, every, project):
    assert [] == lost_at_operations(verb, project, every, first=2)


@pytest.mark.thorough
@pytest.mark.parametrize("verb", VERBS)
def test_kills_at_random_moments_lose_nothing(verb, project):
    assert [] == lost_at_moments(verb, project, kills=2, seed=5)


@pytest.mark.slow
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "compare"])
def test_a_kill_at_every_file_operation_loses_nothing(verb, project):
    assert [] == lost_at_operations(verb, project, every=1, first=1)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_a_hundred_kills_at_random_moments_lose_nothing(verb, project):
    assert [] == lost_at_moments(verb, project, kills=100, seed=6)


def test_compare_writes_nothing(project):
    _, operations, _ = undisturbed("compare", project)

    assert 0 == operations
    assert "complete" == read_run(project / "run")["state"]


def test_a_folder_that_appeared_while_evaluate_worked_is_not_replaced(project, capsys):
    def put_there(number, name, operation, arguments):
        if number == 1:
            (project / "out" / "scores").mkdir()
            (project / "out" / "scores" / "thesis.tex").write_text("precious")
        operation(*arguments)

    with faults(put_there):
        code = main(VERBS["evaluate"].split())

    assert 2 == code
    assert "out/scores exists already; give --output another name" in capsys.readouterr().err
    assert ["thesis.tex"] == [path.name for path in (project / "out" / "scores").iterdir()]
