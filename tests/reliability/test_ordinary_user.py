"""A user who may not read or write what a command needs gets one message with its path, and nothing is changed."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import shutil

import pytest
from support.small import write_small_run

from clsfw.cli import main

# Python 3.12 warns of a fork where other tests left threads; the children here use none of those.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

_CAPABILITIES = 0x20080522  # version 3 of Linux


def give_up_powers():
    """Take from root what lets it read and write everywhere; an ordinary user has nothing of it."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def as_ordinary_user(*arguments):
    """Call a verb in a child process without powers; give its exit code and all that it wrote."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            try:
                give_up_powers()
                answer = [main([str(word) for word in arguments]), out.getvalue()]
            except BaseException as exc:  # noqa: BLE001  # nothing may get back into the tests
                answer = [-1, repr(exc)]
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        code, told = json.load(pipe)
    os.waitpid(pid, 0)
    return code, " ".join(told.split())


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a folder that may not be written, with a run, its data, and copies of both that may not be read."""
    folder = tmp_path_factory.mktemp("ordinary")
    write_small_run(folder)
    shutil.copy(folder / "texts.csv", folder / "secret.csv")
    shutil.copy(folder / "recipe.toml", folder / "secret.toml")
    for name in ("closed", "no-record", "no-metrics", "no-model"):
        shutil.copytree(folder / "run", folder / name)
    (folder / "open").mkdir()
    files = ["secret.csv", "secret.toml", "no-record/run.json", "no-metrics/metrics.json", "no-model/model/clsfw.json"]
    closed = [folder / name for name in (*files, "closed")]
    for path in closed:
        path.chmod(0)
    (folder / "run").chmod(0o555)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    for path in closed:
        path.chmod(0o755)


def contents(folder):
    """Give all that may be read, but for the folder that may be written."""
    inside = (path for path in folder.rglob("*") if path.is_file() and (folder / "open") not in path.parents)
    return {path: path.read_bytes() for path in inside}


@pytest.mark.parametrize(
    ("verb", "code", "words"),
    [
        ("run {p}/recipe.toml --out {p}/new", 6, "{p} cannot be written by this user; choose another place"),
        ("run {p}/recipe.toml --out {p}/run --fresh", 6, "{p}/run cannot be written by this user"),
        (
            "run {p}/recipe.toml --out {p}/open/a --set data.source={p}/secret.csv",
            3,
            "secret.csv: cannot be read: perm",
        ),
        ("run {p}/secret.toml --out {p}/open/b", 2, "secret.toml: cannot read the recipe: permission denied"),
        ("check {p}/secret.toml", 2, "secret.toml: cannot read the recipe: permission denied"),
        ("predict {p}/run --file {p}/texts.csv --output {p}/out.csv", 6, "cannot write {p}/out.csv.lock: permission"),
        ("predict {p}/run --file {p}/texts.csv --output {p}/out.parquet", 6, "{p}/out.parquet.lock: permission"),
        ("predict {p}/run --file {p}/secret.csv", 3, "{p}/secret.csv: cannot be read: Permission denied"),
        ("predict {p}/run --file {p}/secret.csv --output {p}/open/o.csv", 3, "{p}/secret.csv: cannot be read: Permis"),
        ("predict {p}/closed text", 6, "{p}/closed cannot be read: permission denied"),
        ("predict {p}/no-record text", 6, "{p}/no-record cannot be read: permission denied"),
        ("predict {p}/no-model text", 6, "model/clsfw.json cannot be read ([Errno 13] Permission denied"),
        ("evaluate {p}/run --data {p}/secret.csv", 3, "{p}/secret.csv: cannot be read: Permission denied"),
        (
            "evaluate {p}/no-metrics --data {p}/texts.csv",
            6,
            "metrics.json cannot be read ([Errno 13] Permission denied",
        ),
        ("evaluate {p}/run --data {p}/texts.csv --output {p}/scores", 6, "cannot write {p}/scores: permission denied"),
        ("compare {p}/run {p}/closed", 6, "{p}/closed cannot be read: permission denied"),
        ("reproduce {p}/run", 6, "{p} cannot be written by this user; choose another place"),
        ("reproduce {p}/no-model --out {p}/open/c", 6, "model/clsfw.json cannot be read"),
        ("runs {p}/closed", 6, "cannot read {p}/closed: permission denied; choose one that this user may read"),
        ("clean {p}/closed --yes", 6, "cannot read {p}/closed: permission denied"),
        ("export-data {p}/recipe.toml {p}/rows", 6, "Permission denied"),
        ("study {p}/recipe.toml --out {p}/study --set study.seeds=2", 6, "cannot make {p}/study: permission denied"),
    ],
)
def test_what_may_not_be_is_one_message_and_changes_nothing(verb, code, words, project):
    before = contents(project)

    found, told = as_ordinary_user(*verb.format(p=project).split())

    assert (code, 1) == (found, told.count("clsfw: error: ")), told
    assert words.format(p=project) in told
    assert "Traceback" not in told
    assert before == contents(project)


def test_a_run_that_may_only_be_read_can_be_used(project):
    verbs = (
        f"predict {project}/run text",
        f"evaluate {project}/run --data {project}/texts.csv",
        f"runs {project}/run",
        f"reproduce {project}/run --out {project}/open/again",
    )

    assert [0] * len(verbs) == [as_ordinary_user(*verb.split())[0] for verb in verbs]


def test_a_run_that_may_not_be_entered_does_not_hide_the_others(project):
    code, told = as_ordinary_user("runs", project)

    assert 0 == code, told
    assert "run complete accuracy" in told
    assert f"closed: {project}/closed cannot be read: permission denied" in told
    assert f"no-record: {project}/no-record cannot be read: permission denied" in told


def test_a_score_that_cannot_be_written_is_refused_before_anything_is_predicted(project):
    _, told = as_ordinary_user("evaluate", f"{project}/run", "--data", "no.csv", "--output", f"{project}/scores")

    assert "cannot write" in told
