"""Whatever a run directory holds, every verb that reads one answers with a known exit code and no traceback."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from support.run_mutations import mutate, sign

import clsfw
from clsfw.cli import main
from clsfw.store.rundir import RunDirectory

RECIPE = """\
schema = 1
name = "small"

[data]
use = "csv"
source = "texts.csv"

[split]
method = "in-order"
train = 24
validation = 8
test = 8

[model]
use = "tfidf"

[trainer]
use = "sklearn-fit"

[[metrics]]
use = "macro-metrics"

[evidence]
temperature_scaling = true

[expect]
source = "a paper"
[expect.test]
accuracy = { value = 0.9, tolerance = 0.5 }
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a folder with a recipe, its data and a complete run of it."""
    folder = tmp_path_factory.mktemp("mutations")
    rows = [f"a {'fine' if n % 2 else 'dull'} film number {n},{'pos' if n % 2 else 'neg'}" for n in range(40)]
    (folder / "texts.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    (folder / "recipe.toml").write_text(RECIPE)
    clsfw.run(folder / "recipe.toml", out=folder / "run")
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


def answer_to_every_verb(project, folder, seed, of="run"):
    """Mutate a copy of a run, and see that each verb bears it."""
    shutil.rmtree(folder / "damaged", ignore_errors=True)
    shutil.copytree(project / of, folder / "damaged")
    changed = f"seed {seed}: {mutate(folder / 'damaged', seed)}"
    run, data = str(folder / "damaged"), str(project / "texts.csv")
    verbs = [
        ["predict", run, "a fine film"],
        ["predict", run, "a fine film", "--json", "--allow-incomplete"],
        ["evaluate", run, "--data", data],
        ["compare", run, str(project / "run")],
        ["show", f"{run}/resolved.toml"],
        ["runs", str(folder)],
        ["run", str(project / "recipe.toml"), "--out", run],
        ["clean", run, "--yes"],
    ]
    if not seed % 4 and of == "run":
        shutil.rmtree(folder / "again", ignore_errors=True)
        verbs.append(["reproduce", run, "--out", str(folder / "again")])
    for verb in verbs:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            try:
                code = main(verb)
            except Exception as exc:
                raise AssertionError(f"{changed}: {verb[0]} ended with {exc!r}") from exc
        assert code in {0, 2, 3, 4, 5, 6, 8, 9}, (changed, verb, err.getvalue())
        assert code in {0, 9} or "clsfw: error: " in err.getvalue(), (changed, verb)
        assert "\x1b" not in out.getvalue() + err.getvalue(), (changed, verb)


@pytest.mark.parametrize("first", range(0, 48, 12))
def test_no_verb_ends_in_a_traceback(first, project, tmp_path):
    for seed in range(first, first + 12):
        answer_to_every_verb(project, tmp_path, seed)


def test_no_verb_ends_in_a_traceback_on_an_interrupted_run(project, interrupted, tmp_path):
    shutil.copytree(project / "run", tmp_path / "sound")
    for seed in range(207, 219):
        answer_to_every_verb(project, tmp_path, seed, of="interrupted")


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, 100))
def test_no_verb_ends_in_a_traceback_however_long_one_tries(first, project, interrupted, tmp_path):
    shutil.copytree(project / "run", tmp_path / "sound")
    for seed in range(first, first + 100):
        answer_to_every_verb(project, tmp_path, seed, of="interrupted" if seed % 5 == 1 else "run")


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


def test_a_forged_record_is_named(project, tmp_path, capsys):
    shutil.copytree(project / "run", tmp_path / "run")
    record = Path(tmp_path / "run" / "run.json")
    record.write_text(record.read_text().replace('"seed": 42', '"seeds": 42'))

    assert 6 == main(["evaluate", str(tmp_path / "run"), "--data", str(project / "texts.csv")])
    assert "run.json is not what a run writes: seed: field required" in capsys.readouterr().err
