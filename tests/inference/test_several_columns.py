"""Texts of several columns: joined by what the model has between two texts, in a run and in all that uses one."""

from __future__ import annotations

import html
import json

import pytest

import clsfw
from clsfw import UsageError
from clsfw.cli import main

RECIPE = """
schema = 1
name = "tickets"
seed = 1

[data]
use = "csv"
source = "tickets.csv"
text_column = ["subject", "body"]

[split]
method = "stratified"
train = 0.5
test = 0.5

[model]
{model}

[trainer]
{trainer}

[[metrics]]
use = "macro-metrics"
"""
TFIDF = 'use = "tfidf"', 'use = "sklearn-fit"\nC = 1.0'
SIZES = "vocab_size = 200\nhidden_size = 16\nnum_hidden_layers = 1\nnum_attention_heads = 2\nintermediate_size = 32"
ENCODER = f'use = "hf-encoder"\nmax_length = 24\n[model.scratch]\n{SIZES}', 'use = "gpu-trainer"\nmax_steps = 1'


def write(folder, model, trainer):
    rows = [f"order {i},{'late again' if i % 2 else 'broken lamp'},{'post' if i % 2 else 'lamps'}" for i in range(12)]
    (folder / "tickets.csv").write_text("\n".join(["subject,body,label", *rows]) + "\n")
    (folder / "recipe.toml").write_text(RECIPE.format(model=model, trainer=trainer))
    return clsfw.run(folder / "recipe.toml", out=folder / "run")


@pytest.fixture(scope="module")
def tfidf(tmp_path_factory):
    return write(tmp_path_factory.mktemp("tfidf"), *TFIDF)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("encoder"), *ENCODER)


class TestSeparator:
    def test_a_model_without_one_gets_a_line_end(self, tfidf):
        assert "\n" == tfidf.record["data"]["rows"]["text_separator"]

    def test_a_model_with_one_gets_its_own(self, encoder):
        assert "[SEP]" == encoder.record["data"]["rows"]["text_separator"]

    def test_the_tokenizer_takes_it_for_its_own_token(self, encoder):
        model = clsfw.load(encoder.directory).model
        joined, plain = model.tokenize(["broken[SEP]lamp", "broken lamp"]).ids

        assert [*plain[:-2], plain[-1], *plain[-2:]] == list(joined)

    def test_the_report_says_it(self, encoder):
        page = html.unescape((encoder.directory / "report.html").read_text())

        assert "'subject' and 'body', joined by '[SEP]'" in page


class TestDicts:
    def test_a_dict_is_joined_as_the_run_joined_its_own(self, tfidf):
        classifier = clsfw.load(tfidf.directory)

        assert classifier("order 1\nlate again") == classifier({"subject": "order 1", "body": "late again", "id": 7})

    def test_several_may_be_mixed(self, encoder):
        classifier = clsfw.load(encoder.directory)
        given = [{"subject": "order 1", "body": "late"}, "order 1[SEP]late"]

        assert 1 == len({json.dumps(answer) for answer in classifier(given)})

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"subject": "x"}, "a dict has no 'body'; the texts of this run are in 'subject', 'body'"),
            ({"subject": 1, "body": 2}, "a dict holds no text in column 'subject' or 'body'"),
        ],
    )
    def test_a_dict_without_the_texts_is_refused(self, tfidf, given, words):
        with pytest.raises(UsageError, match=words):
            clsfw.load(tfidf.directory)(given)


class TestTheCommands:
    def test_predict_takes_several_columns_by_name(self, tfidf, tmp_path, capsys):
        file = tmp_path / "new.jsonl"
        file.write_text('{"a": "order 1", "b": "late again"}\n')

        main(["predict", str(tfidf.directory), "--file", str(file), "--text-column", "a", "--text-column", "b"])

        told = capsys.readouterr()
        assert told.out.startswith("post\t")
        assert "texts in 'a' and 'b'" in told.err

    def test_a_cut_output_of_several_columns_goes_on(self, tfidf, tmp_path, capsys):
        lines = ["a,b"] + ["order 1,late again"] * 3
        (tmp_path / "new.csv").write_text("\n".join([*lines, "one,two,three"]) + "\n")
        command = ["predict", str(tfidf.directory), "--file", str(tmp_path / "new.csv"), "--text-column", "a"]
        command += ["--text-column", "b", "--output", str(tmp_path / "out.jsonl")]

        codes = [main(command), main(command)]

        assert [clsfw.DataError.exit_code] * 2 == codes
        assert "is the beginning of another output" not in capsys.readouterr().err

    def test_evaluate_takes_several_columns_by_name(self, tfidf, tmp_path, capsys):
        (tmp_path / "new.csv").write_text("a,b,label\norder 1,late again,post\norder 2,broken lamp,lamps\n")
        command = ["evaluate", str(tfidf.directory), "--data", str(tmp_path / "new.csv"), "--json"]

        assert 0 == main([*command, "--text-column", "a", "--text-column", "b"])
        assert 2 == json.loads(capsys.readouterr().out)["rows"]["test"]
