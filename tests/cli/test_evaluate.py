"""`clsfw evaluate` gives new labelled data the same evidence as a run gives its own."""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import clsfw
from clsfw.cli import main


@pytest.fixture
def run(baseline):
    return str(baseline.directory)


@pytest.fixture
def test_rows(baseline, root):
    """Give the run's own test rows, as (text, value of the label column)."""
    with (root / "recipes" / "quickstart.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [(rows[row]["text"], rows[row]["sentiment"]) for row in baseline.predictions.rows]


@pytest.fixture
def write(tmp_path):
    """Give a function that writes rows as a CSV file."""

    def write(header, rows, name="new.csv"):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return str(tmp_path / name)

    return write


def evaluate(run, data, *arguments, capsys):
    assert 0 == main(["evaluate", run, "--data", data, "--json", *arguments])
    return json.loads(capsys.readouterr().out)


class TestScores:
    def test_the_test_rows_score_as_in_the_run(self, run, baseline, test_rows, write, capsys):
        given = evaluate(run, write(["text", "sentiment"], test_rows), capsys=capsys)

        for part in ("test", "intervals", "confusion_matrix", "classification_report", "slices", "truncation"):
            assert baseline.metrics[part] == given[part], part
        assert {"test": 500} == given["rows"]

    @pytest.mark.parametrize("kind", ["names", "ids", "jsonl"])
    def test_labels_may_be_names_or_class_ids(self, kind, run, baseline, test_rows, write, tmp_path, capsys):
        names = ["NEGATIVE", "POSITIVE"]
        if kind == "names":
            data = write(["text", "label"], [(text, value.upper()) for text, value in test_rows])
        elif kind == "ids":
            ids = [names.index(value.upper()) for _, value in test_rows]
            pq.write_table(pa.table({"text": [text for text, _ in test_rows], "label": ids}), tmp_path / "new.parquet")
            data = str(tmp_path / "new.parquet")
        else:
            lines = [json.dumps({"body": text, "gold": value}) for text, value in test_rows]
            (tmp_path / "new.jsonl").write_text("\n".join(lines))
            data = str(tmp_path / "new.jsonl")
        columns = ["--text-column", "body", "--label-column", "gold"] if kind == "jsonl" else []

        assert baseline.metrics["test"] == evaluate(run, data, *columns, capsys=capsys)["test"]

    def test_several_labels_per_text(self, topics, write, tmp_path, capsys):
        rows = [("ball goal goal", "sport"), ("song band soup oven", "music;a|b"), ("the of", "")]
        given = evaluate(str(topics.directory), write(["text", "label"], rows), capsys=capsys)
        lines = [{"text": text, "label": label.split(";") if label else []} for text, label in rows]
        (tmp_path / "new.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

        assert 1.0 == given["test"]["accuracy"]
        assert given == evaluate(str(topics.directory), str(tmp_path / "new.jsonl"), capsys=capsys)

    def test_the_temperature_of_the_run_is_used(self, root, test_rows, write, tmp_path, capsys):
        overrides = {
            "model.use": "tfidf",
            "trainer.use": "sklearn-fit",
            "evidence.temperature_scaling": True,
            "evidence.tune_threshold": True,
        }
        run = clsfw.run("quickstart", overrides=overrides, out=tmp_path / "run")
        given = evaluate(str(run.directory), write(["text", "sentiment"], test_rows), capsys=capsys)

        assert run.metrics["calibration"] == given["calibration"]
        assert run.metrics["test"] == given["test"]

    def test_slices_of_the_recipe_are_taken_from_the_new_data(self, tmp_path, write, capsys):
        rows = [(f"{'good' if i % 2 else 'bad'} film {i}", ("no", "yes")[i % 2], "ab"[i // 2 % 2]) for i in range(60)]
        write(["text", "label", "source"], rows, "data.csv")
        (tmp_path / "recipe.toml").write_text(
            'schema = 1\nname = "sliced"\n[data]\nuse = "csv"\nsource = "data.csv"\n'
            '[split]\nmethod = "in-order"\ntrain = 40\ntest = 20\n[model]\nuse = "tfidf"\n'
            '[trainer]\nuse = "sklearn-fit"\n[[metrics]]\nuse = "macro-metrics"\n[evidence]\nslices = ["source"]\n'
        )
        run = clsfw.run(tmp_path / "recipe.toml", out=tmp_path / "run")
        given = evaluate(str(run.directory), write(["text", "label", "source"], rows[:10], "new.csv"), capsys=capsys)

        assert ["a", "b"] == [part["value"] for part in given["slices"]["test"]["column source"]]
        assert 0 == main(
            ["evaluate", str(run.directory), "--data", write(["text", "label"], [("x", "no")], "short.csv")]
        )
        assert "has no column 'source', so there are no scores by it" in capsys.readouterr().err


class TestOutput:
    def test_the_summary_has_scores_with_limits(self, run, test_rows, write, capsys):
        assert 0 == main(["evaluate", run, "--data", write(["text", "sentiment"], test_rows)])

        out = capsys.readouterr().out
        assert " % of 500 test texts are right (95 %: " in out.splitlines()[0]
        assert "  macro precision  0." in out
        assert "(95 %: 0." in out
        assert "true / predicted" in out

    def test_a_folder_gets_metrics_and_predictions(self, run, baseline, test_rows, write, tmp_path, capsys):
        folder = tmp_path / "evaluation"
        data = write(["text", "sentiment"], test_rows)
        given = evaluate(run, data, "--output", str(folder), capsys=capsys)

        assert given == json.loads((folder / "metrics.json").read_text())
        written = (folder / "predictions.csv").read_text().splitlines()
        whole = (baseline.directory / "predictions.csv").read_text().splitlines()
        assert [line.split(",", 1)[1] for line in whole] == [line.split(",", 1)[1] for line in written]
        assert 2 == main(["evaluate", run, "--data", data, "--output", str(folder)])


class TestMistakes:
    @pytest.mark.parametrize(
        ("header", "row", "said"),
        [
            (
                ["text", "sentiment"],
                ["fine", "positve"],
                "new.csv:2: the model does not know the label 'positve'; did you mean",
            ),
            (["text", "sentiment"], ["fine", "1"], "does not know the label '1'; it knows 'NEGATIVE', 'POSITIVE'"),
            (["text", "sentiment"], ["fine", ""], "new.csv:2: no label"),
            (
                ["text", "mood"],
                ["fine", "positive"],
                "no column 'sentiment'; the columns are 'text', 'mood'; say which one",
            ),
            (["body", "sentiment"], ["fine", "positive"], "say which one holds the texts by --text-column"),
        ],
    )
    def test_bad_rows_are_exit_3_and_named(self, header, row, said, run, write, capsys):
        assert 3 == main(["evaluate", run, "--data", write(header, [row])])
        assert said in capsys.readouterr().err

    def test_a_class_id_out_of_range_is_named(self, run, tmp_path, capsys):
        (tmp_path / "new.jsonl").write_text('{"text": "fine", "label": 2}')

        assert 3 == main(["evaluate", run, "--data", str(tmp_path / "new.jsonl")])
        assert "class id 2 is not from 0 to 1" in capsys.readouterr().err

    def test_no_rows_is_exit_3(self, run, write, capsys):
        assert 3 == main(["evaluate", run, "--data", write(["text", "sentiment"], [])])
        assert "there are no rows to evaluate" in capsys.readouterr().err
