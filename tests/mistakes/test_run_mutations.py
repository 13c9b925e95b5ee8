"""Whatever a run directory holds, every verb that reads one answers with a known exit code and no traceback."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from support.run_mutations import mutate, sign
from support.small import write_small_run

from clsfw.cli import main
from clsfw.store.rundir import RunDirectory


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a folder with a recipe, its data and a complete run of it."""
    folder = tmp_path_factory.mktemp("mutations")
    write_small_run(folder)
    return folder


@pytest.fixture(scope="module")
def interrupted(project):
    """Give a run of the same recipe that was interrupted after its only step, with a checkpoint."""
    folder = project / "interrupted"
    shutil.copytree(project / "run", folder)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "state": "interrupted"}))
    arrays = load_file(folder / "model" / "model.safetensors")
    with RunDirectory.open(folder) as store:
        kept = {name: arrays[name] for name in ("weights", "bias")}
        store.checkpoints.commit(1, lambda state: save_file(kept, state / "fitted.safetensors"))
    return folder


def proving_verbs(project, run, folder):
    """Give a call of each verb that proves a run before it uses it."""
    return {
        "predict": ["predict", run, "a fine film"],
        "evaluate": ["evaluate", run, "--data", str(project / "texts.csv")],
        "compare": ["compare", run, str(project / "run")],
        "run": ["run", str(project / "recipe.toml"), "--out", run],
        "reproduce": ["reproduce", run, "--out", str(folder / "again")],
    }


def answer(verb):
    """Call a verb; give its exit code, and what it wrote to standard output and standard error."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(verb)
    return code, out.getvalue(), err.getvalue()


def answer_to_every_verb(project, folder, seed, of="run"):
    """Mutate a copy of a run, and see that each verb bears it."""
    shutil.rmtree(folder / "damaged", ignore_errors=True)
    shutil.copytree(project / of, folder / "damaged")
    changed = f"seed {seed}: {mutate(folder / 'damaged', seed)}"
    run = str(folder / "damaged")
    shutil.rmtree(folder / "again", ignore_errors=True)
    proving = proving_verbs(project, run, folder)
    if seed % 4 or of != "run":
        del proving["reproduce"]
    others = (
        ["predict", run, "a fine film", "--json", "--allow-incomplete"],
        ["show", f"{run}/resolved.toml"],
        ["runs", str(folder)],
        ["clean", run, "--yes"],
    )
    for verb in (*proving.values(), *others):
        bears(verb, changed)


def bears(verb, changed):
    """See that a verb ends with a known exit code, a message, and nothing that moves the cursor; give both."""
    try:
        code, out, err = answer(verb)
    except Exception as exc:
        raise AssertionError(f"{changed}: {verb[0]} ended with {exc!r}") from exc
    assert code in {0, 2, 3, 4, 5, 6, 8, 9}, (changed, verb, err)
    assert code in {0, 9} or "clsfw: error: " in err, (changed, verb)
    assert "\x1b" not in out + err, (changed, verb)
    return code, err


@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.thorough) for first in (12, 24, 36))])
def test_no_verb_ends_in_a_traceback(first, project, tmp_path):
    for seed in range(first, first + 12):
        answer_to_every_verb(project, tmp_path, seed)


@pytest.mark.thorough
def test_no_verb_ends_in_a_traceback_on_an_interrupted_run(project, interrupted, tmp_path):
    shutil.copytree(project / "run", tmp_path / "sound")
    for seed in range(207, 219):
        answer_to_every_verb(project, tmp_path, seed, of="interrupted")


@pytest.mark.parametrize("value", ["Infinity", r'"\ud800"'])
def test_a_record_that_cannot_be_written_again_is_refused(value, project, interrupted, tmp_path):
    shutil.copytree(interrupted, tmp_path / "damaged")
    record = tmp_path / "damaged" / "run.json"
    record.write_text(record.read_text().replace("{", f'{{"more": {value}, ', 1))
    code, err = bears(["run", str(project / "recipe.toml"), "--out", str(tmp_path / "damaged")], value)

    assert 6 == code
    assert "run.json cannot be read as the record of a run" in err


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, 100))
def test_no_verb_ends_in_a_traceback_however_long_one_tries(first, project, interrupted, tmp_path):
    shutil.copytree(project / "run", tmp_path / "sound")
    for seed in range(first, first + 100):
        answer_to_every_verb(project, tmp_path, seed, of="interrupted" if seed % 5 == 1 else "run")


def files_of(run):
    """Name every file of a complete run, in one order."""
    found = (path for path in run.rglob("*") if path.is_file() and path.name != "lock")
    return sorted(path.relative_to(run).as_posix() for path in found)


def turn_a_bit(project, folder, name, rng):
    """Make a copy of the run in which one bit of one file is another; give its path and what was changed."""
    shutil.rmtree(folder / "damaged", ignore_errors=True)
    shutil.copytree(project / "run", folder / "damaged")
    content = bytearray((folder / "damaged" / name).read_bytes())
    place, bit = rng.randrange(len(content)), rng.randrange(8)
    content[place] ^= 1 << bit
    (folder / "damaged" / name).write_bytes(content)
    return folder / "damaged", f"{name}: bit {bit} of byte {place}"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
def test_a_bit_that_turned_in_any_file_is_found_by_every_verb(seed, project, tmp_path):
    rng = random.Random(seed)
    names = [name for name in files_of(project / "run") if (project / "run" / name).stat().st_size]
    assert {"run.json", "manifest.json", "seen_texts.npy", "model/clsfw.json"} < set(names)
    for name in names:
        run, changed = turn_a_bit(project, tmp_path, name, rng)
        for verb, call in proving_verbs(project, str(run), tmp_path).items():
            code, err = bears(call, changed)
            if name != "run.json":  # the one file whose hash stands nowhere
                assert 6 == code, (changed, verb)
                assert name in err, (changed, verb)
            shutil.rmtree(tmp_path / "again", ignore_errors=True)
        for call in (["runs", str(run)], ["clean", str(run), "--yes"], ["show", f"{run}/resolved.toml"]):
            bears(call, changed)


@pytest.mark.slow
def test_no_bit_of_the_record_breaks_a_verb(project, tmp_path):
    rng = random.Random(7)
    for _ in range(300):
        run, changed = turn_a_bit(project, tmp_path, "run.json", rng)
        for call in (
            *proving_verbs(project, str(run), tmp_path).values(),
            ["runs", str(run)],
            ["clean", str(run), "--yes"],
        ):
            bears(call, changed)
        shutil.rmtree(tmp_path / "again", ignore_errors=True)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model/clsfw.json", "{}"),
        ("timings.json", '{"train_seconds": "x"}'),
        ("timings.json", "[" * 100_000),
        ("metrics.json", "{}"),
    ],
)
def test_the_file_that_no_run_writes_is_named(file, content, project, tmp_path, capsys):
    shutil.copytree(project / "run", tmp_path / "run")
    (tmp_path / "run" / file).write_text(content)
    sign(tmp_path / "run")
    verb = ["predict", str(tmp_path / "run"), "a"] if file.startswith("model") else None
    code = main(verb or ["compare", str(tmp_path / "run"), str(project / "run")])

    assert 6 == code
    assert f"error: {tmp_path / 'run' / file}" in capsys.readouterr().err


def test_a_forged_recipe_is_named(project, tmp_path, capsys):
    shutil.copytree(project / "run", tmp_path / "run")
    recipe = tmp_path / "run" / "resolved.toml"
    recipe.write_text(recipe.read_text() + "\0 = 1\n")
    sign(tmp_path / "run")

    assert 6 == main(["reproduce", str(tmp_path / "run"), "--out", str(tmp_path / "again")])
    assert f"error: {recipe} cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00v\x00{'descr': '<u8', 'shape': (2,",
        b"\x93NUMPY\x01\x00\x04\x00((((",
        b"x" * 500,
    ],
)
def test_a_forged_list_of_texts_is_named(content, project, tmp_path, capsys):
    shutil.copytree(project / "run", tmp_path / "run")
    (tmp_path / "run" / "seen_texts.npy").write_bytes(content)
    sign(tmp_path / "run")

    assert 6 == main(["evaluate", str(tmp_path / "run"), "--data", str(project / "texts.csv")])
    assert f"error: {tmp_path / 'run' / 'seen_texts.npy'}" in capsys.readouterr().err


def test_a_forged_record_is_named(project, tmp_path, capsys):
    shutil.copytree(project / "run", tmp_path / "run")
    record = Path(tmp_path / "run" / "run.json")
    record.write_text(record.read_text().replace('"seed": 42', '"seeds": 42'))

    assert 6 == main(["evaluate", str(tmp_path / "run"), "--data", str(project / "texts.csv")])
    assert "run.json is not what a run writes: seed: field required" in capsys.readouterr().err
