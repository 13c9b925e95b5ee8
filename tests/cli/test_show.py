"""`clsfw show`."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

from clsfw.cli import main

HEAVY = ("torch", "transformers", "datasets", "sklearn", "evaluate", "pandas", "matplotlib")


def test_it_prints_the_resolved_recipe_with_origins(capfd):
    assert 0 == main(["show", "quickstart", "--set", "trainer.max_steps=5"])

    out = capfd.readouterr().out
    shown = tomllib.loads(out)
    assert 5 == shown["trainer"]["max_steps"]
    lines = {line.split(" = ")[0]: " ".join(line.split()) for line in out.splitlines() if " = " in line}
    assert "max_steps = 5 # --set" == lines["max_steps"]
    assert lines["seed"].startswith("seed = 42 # quickstart.toml:")
    assert lines["adam_beta1"].endswith("# plugin gpu-trainer default")
    assert lines["tune_threshold"].endswith("# default")


def test_settings_without_a_value_are_named(capfd):
    main(["show", "quickstart", "--set", "trainer.use=sklearn-fit", "--set", "model.use=tfidf"])

    last = capfd.readouterr().out.splitlines()[-4:]
    assert "# not set, data csv: rows, text_separator, text_pair_column, label_separator, sha256, delimiter" == last[0]
    assert [
        "# not set, trainer sklearn-fit: C, class_weights",
        "# not set, metric macro-metrics: out_of_scope",
    ] == last[2:]


def test_what_it_prints_runs_again(capfd, tmp_path):
    main(["show", "quickstart"])
    first = capfd.readouterr().out
    again = tmp_path / "again.toml"
    again.write_text(first, encoding="utf-8")

    main(["show", str(again)])

    assert tomllib.loads(first) == tomllib.loads(capfd.readouterr().out)


def test_json_holds_recipe_origins_and_notes(capfd):
    assert 0 == main(["show", "quickstart", "--set", "data.use=imdb-csv", "--json"])

    shown = json.loads(capfd.readouterr().out)
    assert {"file", "recipe", "origins", "notes"} == set(shown)
    assert ("imdb-csv", "--set") == (shown["recipe"]["data"]["use"], shown["origins"]["data.use"])


def test_what_was_dropped_is_noted_on_stderr(capfd):
    main(["show", "quickstart", "--set", "trainer.use=sklearn-fit", "--set", "model.use=tfidf"])

    captured = capfd.readouterr()
    assert "model.use = 'tfidf' has no 'max_length', 'scratch'; dropped what 'hf-distilbert' was given" in captured.err
    assert "max_length" not in tomllib.loads(captured.out)["model"]


def test_a_mistake_is_shown_with_place_and_caret(capfd, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('schema = 1\nname = "a"\nseeed = 3\n', encoding="utf-8")

    assert 2 == main(["show", str(file)])

    err = capfd.readouterr().err
    assert "a.toml:3:1: seeed: unknown key; did you mean 'seed'?\n    seeed = 3\n    ^" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("argv", [["show"], ["show", "quickstart", "--set"], ["show", "quickstart", "--set", "a"]])
def test_a_bad_command_line_is_exit_code_2(argv, capfd):
    assert 2 == main(argv)
    assert "clsfw" in capfd.readouterr().err


def test_hostile_text_of_a_recipe_does_not_reach_the_terminal(capfd, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('schema = 1\nname = "a"\n"\\u001b[31m\\u202e" = 3\n', encoding="utf-8")

    assert 2 == main(["show", str(file)])

    err = capfd.readouterr().err
    assert "\x1b" not in err
    assert "\u202e" not in err


@pytest.mark.parametrize("verb", [["show", "quickstart"], ["schema"]])
def test_nothing_heavy_is_imported(verb):
    code = f"import sys; from clsfw.cli import main; main({verb!r}); print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert "[]" == run.stdout.splitlines()[-1]
