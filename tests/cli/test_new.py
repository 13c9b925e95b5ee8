"""`clsfw new`: what it writes works as it comes."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from clsfw.cli import main
from clsfw.contract.component import KINDS
from clsfw.discovery.plugins import discover
from clsfw.errors import DataError, UsageError
from clsfw.recipe.plan import make_plan
from clsfw.scaffold.columns import look
from clsfw.scaffold.samples import read_sample

# Names that are hard on templates: short, long, with every character that is allowed.
NAMES = {
    "data": "zz",
    "model": "words-of-the-training-texts",
    "trainer": "plain.adamw_v2",
    "metric": "wrong-ones",
    "watcher": "w1",
    "searcher": "coin.toss",
    "exporter": "word-table",
    "executor": "processes",
    "both": "word-vectors",
}
KIND_OF_BOTH = ("--kind", "model", "--with-trainer")


def child(*command, site=None, cwd=None):
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if site is not None:
        env["PYTHONPATH"] = str(site)
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=env, cwd=cwd, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write a package of each kind, as the command line does."""
    folder = tmp_path_factory.mktemp("packages")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for kind, name in NAMES.items():
            assert 0 == main(["new", "plugin", name, *(KIND_OF_BOTH if kind == "both" else ("--kind", kind))])
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def site(written, tmp_path_factory):
    """Install all of them, truly, into a folder of their own."""
    target = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    packages = [str(written / name) for name in NAMES.values()]
    result = child("pip", "install", *options, "--target", str(target), *packages)
    assert 0 == result.returncode, result.stderr
    return target


@pytest.fixture(scope="module")
def tested(written, site, tmp_path_factory):
    """Run the tests of all of them in one Python; give the outcomes by test file."""
    report = tmp_path_factory.mktemp("report") / "report.xml"
    folders = [str(written / name / "tests") for name in NAMES.values()]
    options = ("-q", "-p", "no:cacheprovider", f"--junit-xml={report}", f"--rootdir={written}", "-c", os.devnull)
    result = child("pytest", *options, *folders, site=site, cwd=written)
    cases = ET.parse(report).getroot().iter("testcase")
    outcomes = [(case.get("classname"), case.get("name"), [e.tag for e in case]) for case in cases]
    return result, outcomes


class TestPlugin:
    @pytest.mark.thorough
    @pytest.mark.parametrize("kind", NAMES)
    def test_its_own_tests_pass(self, kind, tested):
        result, outcomes = tested
        module = NAMES[kind].replace("-", "_").replace(".", "_")
        own = {name: tags for owner, name, tags in outcomes if owner.endswith(f"test_{module}")}

        assert 5 < len(own), result.stdout
        assert {} == {name: tags for name, tags in own.items() if tags}, result.stdout

    def test_all_are_listed_with_a_component_of_their_name(self, site):
        result = child("clsfw", "list-plugins", "--json", site=site)
        listed = {p["name"]: p for p in json.loads(result.stdout)}

        assert {name: ("ok", name, "0.1.0") for name in NAMES.values()} == {
            name: (listed[name]["state"], listed[name]["distribution"], listed[name]["version"])
            for name in NAMES.values()
        }
        assert [(kind, NAMES[kind]) for kind in KINDS] == [
            (c["kind"], c["name"]) for kind in KINDS for c in listed[NAMES[kind]]["components"]
        ]

    def test_a_model_with_its_trainer_has_both(self, site):
        listed = {p["name"]: p for p in json.loads(child("clsfw", "list-plugins", "--json", site=site).stdout)}
        name = NAMES["both"]

        assert [("model", name), ("trainer", name)] == [(c["kind"], c["name"]) for c in listed[name]["components"]]

    def test_only_a_model_has_a_trainer_beside_it(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)

        assert 2 == main(["new", "plugin", "alone", "--kind", "metric", "--with-trainer"])
        assert "--with-trainer is for a model, not for a metric" in capsys.readouterr().err
        assert [] == list(tmp_path.iterdir())

    @pytest.mark.thorough
    def test_test_plugin_passes_with_the_settings_beside_the_tests(self, written, site):
        settings = written / NAMES["data"] / "tests/settings.toml"
        result = child("clsfw", "test-plugin", NAMES["data"], "--settings", str(settings), site=site)

        assert (0, "") == (result.returncode, result.stderr)
        assert "10 checks: 10 passed, 0 failed" == result.stdout.splitlines()[-1]

    @pytest.mark.parametrize("options", [[], ["--isolated"], ["--isolated", "--select", "I"]], ids=" ".join)
    def test_ruff_has_nothing_to_say(self, options, written):
        result = child("ruff", "check", "--no-cache", *options, ".", cwd=written)

        assert (0, "All checks passed!\n") == (result.returncode, result.stdout)

    def test_it_is_formatted(self, written):
        result = child("ruff", "format", "--no-cache", "--check", str(written))

        assert 0 == result.returncode, result.stdout

    def test_metadata_names_the_plugin_and_the_clsfw_that_it_needs(self, written):
        project = tomllib.loads((written / "plain.adamw_v2/pyproject.toml").read_text(encoding="utf-8"))["project"]

        assert "plain.adamw_v2" == project["name"]
        assert {"plain.adamw_v2": "plain_adamw_v2"} == project["entry-points"]["clsfw"]
        assert ["clsfw>=0.2,<1"] == project["dependencies"]

    def test_no_placeholder_is_left(self, written):
        texts = {path: path.read_text(encoding="utf-8") for path in written.rglob("*") if path.is_file()}

        assert [] == [path for path, text in texts.items() if "{{" in text]

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("My-Plugin", "'My-Plugin' is not a plugin name; use lower-case letters"),
            ("1st", "'1st' is not a plugin name"),
            ("for", "'for' is not a plugin name"),
            ("a/b", "'a/b' is not a plugin name"),
            ("..", "'..' is not a plugin name"),
            ("ends-", "'ends-' is not a plugin name"),
            ("gpu-trainer", "the name 'gpu-trainer' is taken by plugin 'gpu-trainer' (clsfw "),
            ("csv", "the name 'csv' is taken by plugin 'csv' (clsfw "),
            ("json", "a module 'json' is installed already"),
            ("numpy", "a module 'numpy' is installed already"),
        ],
    )
    def test_a_name_that_cannot_work_is_refused(self, name, words, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)

        assert UsageError.exit_code == main(["new", "plugin", name])
        assert words in capsys.readouterr().err
        assert [] == list(tmp_path.iterdir())

    def test_a_folder_that_is_there_is_left_alone(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine").mkdir()

        assert UsageError.exit_code == main(["new", "plugin", "mine"])
        assert "is there already" in capsys.readouterr().err
        assert [] == list((tmp_path / "mine").iterdir())


def write_csv(path, rows=200, header="id,review,stars,date"):
    lines = [header]
    for n in range(rows):
        word = ("awful", "fine", "superb")[n % 3]
        lines.append(f'{n},"a rather {word} thing, number {n}",{n % 3},2020-01-0{n % 9 + 1}')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class TestRecipeForData:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def test_it_is_a_sound_recipe_on_the_right_columns(self, tmp_path, capsys):
        write_csv(tmp_path / "Reviews 2020.csv")

        assert 0 == main(["new", "recipe", "Reviews 2020.csv"])
        plan = make_plan("reviews-2020.toml", {}, discover())
        settings = plan.data.settings

        assert ("review", "stars") == (settings.text_column, settings.label_column)
        assert {"0": "0", "1": "1", "2": "2"} == settings.labels
        assert "stratified" == plan.recipe.split.method
        assert "texts in 'review', labels in 'stars' (3 classes)" in capsys.readouterr().out

    def test_it_runs(self, tmp_path):
        write_csv(tmp_path / "reviews.csv")
        main(["new", "recipe", "reviews.csv"])

        assert 0 == main(["run", "reviews.toml", "--out", "run"])
        assert 1.0 == json.loads((tmp_path / "run/metrics.json").read_text())["test"]["accuracy"]

    def test_columns_can_be_told(self, tmp_path):
        write_csv(tmp_path / "reviews.csv")
        main(["new", "recipe", "reviews.csv", "--label-column", "date", "--text-column", "review", "--out", "d/r.toml"])
        settings = make_plan("d/r.toml", {}, discover()).data.settings

        assert ("review", "date") == (settings.text_column, settings.label_column)
        assert str(tmp_path / "reviews.csv") == settings.source

    def test_semicolons_old_encodings_blank_and_repeated_texts_are_seen(self, tmp_path):
        rows = [
            "text;label",
            *[f"schöne Worte {n};ja\nüble Worte {n};nein" for n in range(20)],
            " ;ja",
            "üble Worte 1;nein",
        ]
        (tmp_path / "worte.csv").write_bytes("\n".join(rows).encode("cp1252"))
        main(["new", "recipe", "worte.csv"])
        plan = make_plan("worte.toml", {}, discover())
        settings = plan.data.settings

        assert ("cp1252", ";", "drop") == (settings.encoding, settings.delimiter, settings.empty_text)
        assert "text" == plan.recipe.split.group_by

    def test_compressed_files_are_read(self, tmp_path):
        import bz2

        write_csv(tmp_path / "reviews.csv")
        packed = bz2.compress((tmp_path / "reviews.csv").read_bytes())
        (tmp_path / "packed.csv.bz2").write_bytes(packed)

        assert "review" == look(read_sample({"": [tmp_path / "packed.csv.bz2"]})).text_column

    def test_labels_with_odd_characters_stay_data(self, tmp_path):
        odd = 'a"b\\n]'
        rows = "".join(
            f'"text {n}\n[data]","{odd.replace(chr(34), chr(34) * 2)}"\n"text {n}",plain\n' for n in range(20)
        )
        (tmp_path / "odd.csv").write_text("text,label\n" + rows, encoding="utf-8")
        main(["new", "recipe", "odd.csv"])

        assert {odd, "plain"} == set(make_plan("odd.toml", {}, discover()).data.settings.labels)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("", "data.csv: is empty"),
            ("text,label\n", "no row under the header"),
            ("text,label\na,b,c\n", "data.csv:2: 3 fields where the header has 2"),
            ('text,label\n"a,b\n', "the quote that opens here is never closed"),
            ("text,id\n" + "".join(f"words {n},{n}\n" for n in range(50)), "no column looks like labels"),
            ("text\na\n", "there is one column only"),
        ],
    )
    def test_data_without_texts_and_labels_is_refused(self, tmp_path, content, words, capsys):
        (tmp_path / "data.csv").write_text(content, encoding="utf-8")

        assert DataError.exit_code == main(["new", "recipe", "data.csv"])
        assert words in capsys.readouterr().err

    def test_the_only_column_cannot_hold_the_labels_alone(self, tmp_path, capsys):
        (tmp_path / "one.csv").write_text("text\na\nb\n", encoding="utf-8")

        assert DataError.exit_code == main(["new", "recipe", "one.csv", "--label-column", "text"])
        assert "there is one column only" in capsys.readouterr().err

    def test_a_damaged_compressed_file_is_refused(self, tmp_path, capsys):
        packed = bytearray(gzip.compress("".join(f"some words {n},{n % 2}\n" for n in range(500)).encode()))
        packed[10] = 0xFF  # no kind of block begins so
        (tmp_path / "data.csv.gz").write_bytes(packed)

        assert DataError.exit_code == main(["new", "recipe", "data.csv.gz"])
        assert "data.csv.gz: its gzip data is damaged" in capsys.readouterr().err

    def test_a_few_rows_of_each_class_and_many_equal_texts_still_run(self, tmp_path):
        rare = [f"rare words {n},c{n % 5}\n" for n in range(15)]
        repeated = [f"often said {n // 7},c5\n" for n in range(70)]
        (tmp_path / "few.csv").write_text("text,label\n" + "".join(rare + repeated), encoding="utf-8")
        main(["new", "recipe", "few.csv"])
        split = make_plan("few.toml", {}, discover()).recipe.split

        assert ("stratified", "text") == (split.method, split.group_by)
        assert 0 == main(["run", "few.toml", "--out", "run"])

    def test_classes_too_small_for_three_splits_are_told(self, tmp_path):
        rows = [f"words {n},{'ab'[n % 2]}\n" for n in range(40)] + [" ,c\n", "x,c\n", "y,c\n", "z,d\n"]
        (tmp_path / "rare.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
        main(["new", "recipe", "rare.csv"])

        assert "random" == make_plan("rare.toml", {}, discover()).recipe.split.method
        assert "each of the 3 splits: 'c' 2, 'd' 1." in (tmp_path / "rare.toml").read_text(encoding="utf-8")

    def test_a_missing_file_is_named(self, capsys):
        assert DataError.exit_code == main(["new", "recipe", "nowhere.csv"])
        assert "nowhere.csv: no such file" in capsys.readouterr().err

    def test_a_column_that_is_not_there_is_refused(self, tmp_path, capsys):
        write_csv(tmp_path / "reviews.csv")

        assert UsageError.exit_code == main(["new", "recipe", "reviews.csv", "--text-column", "body"])
        assert "no column 'body'; there are: 'id', 'review', 'stars', 'date'" in capsys.readouterr().err

    def test_a_recipe_that_is_there_is_left_alone(self, tmp_path, capsys):
        write_csv(tmp_path / "reviews.csv")
        (tmp_path / "reviews.toml").write_text("mine", encoding="utf-8")

        assert UsageError.exit_code == main(["new", "recipe", "reviews.csv"])
        assert "reviews.toml is there already; name another file with --out" in capsys.readouterr().err
        assert "mine" == (tmp_path / "reviews.toml").read_text(encoding="utf-8")

    def test_the_real_reviews(self, shared, tmp_path):
        seen = look(read_sample({"": [shared / "data/movie_reviews.csv.bz2"]}))

        assert ("review", "sentiment") == (seen.text_column, seen.label_column)
        assert {"positive", "negative"} == set(seen.labels)


def rows_of(classes, each, first=0):
    """Give rows of text and label, with the label's words in the text."""
    return [(f"please {c.replace('_', ' ')} number {n}", c) for n in range(first, first + each) for c in classes]


def write_rows(path, rows, header=("text", "label"), delimiter=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])


class TestRealShapes:
    """Data as people have it: what is written runs at once."""

    INTENTS = tuple(f"intent_{n:02}" for n in range(77))

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        # Plots take most of such a run, and have tests of their own.
        monkeypatch.setattr("clsfw.engine.finish.render_report", lambda *_: "<p>a report</p>")

    def run(self, recipe):
        assert 0 == main(["run", recipe, "--out", "run"])
        return json.loads(Path("run/metrics.json").read_text())

    def test_one_csv_with_semicolons_and_cp1252(self, capsys):
        rows = [(f"schöne Worte {n}", "größer") for n in range(30)] + [(f"üble Worte {n}", "kürzer") for n in range(30)]
        write_rows(Path("worte.csv"), rows, ("Satz", "Klasse"), ";", "cp1252")

        assert 0 == main(["new", "recipe", "worte.csv"])
        assert "texts in 'Satz', labels in 'Klasse' (2 classes)" in capsys.readouterr().out
        assert 60 == sum(self.run("worte.toml")["rows"].values())

    def test_train_and_test_files_with_77_classes(self, capsys):
        write_rows(Path("train.csv"), rows_of(self.INTENTS, 10), ("text", "category"))
        write_rows(Path("test.csv"), rows_of(self.INTENTS, 2, first=100), ("text", "category"))

        assert 0 == main(["new", "recipe", "train.csv", "--test", "test.csv"])
        assert "(77 classes)" in capsys.readouterr().out
        assert {"train": 693, "validation": 77, "test": 154} == self.run("train.toml")["rows"]

    def test_json_lines_with_nested_keys_and_several_labels(self):
        kinds = [["bug"], ["bug", "urgent"], ["billing"], []]
        lines = [
            {
                "id": n,
                "meta": {"title": f"about {' and '.join(kinds[n % 4]) or 'nothing'}, ticket {n}"},
                "tags": kinds[n % 4],
            }
            for n in range(120)
        ]
        Path("tickets.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

        assert 0 == main(["new", "recipe", "tickets.jsonl"])
        settings = make_plan("tickets.toml", {}, discover()).data.settings
        assert ("meta.title", "tags") == (settings.text_column, settings.label_column)
        assert self.run("tickets.toml")["multi_label"]

    def test_a_folder_of_splits(self, tmp_path):
        (tmp_path / "data").mkdir()
        for name, first in (("train", 0), ("dev", 50), ("test", 100)):
            write_rows(tmp_path / f"data/{name}.csv", rows_of(("yes", "no"), 10, first))

        assert 0 == main(["new", "recipe", "data", "--out", "all.toml"])
        plan = make_plan("all.toml", {}, discover())
        assert {"train", "validation", "test"} == set(plan.data.settings.source)
        assert plan.recipe.split is None
        assert {"train": 20, "validation": 20, "test": 20} == self.run("all.toml")["rows"]

    def test_a_folder_without_a_train_file_is_told_what_it_holds(self, tmp_path, capsys):
        (tmp_path / "data").mkdir()
        write_rows(tmp_path / "data/2024.csv", rows_of(("yes", "no"), 10))

        assert UsageError.exit_code == main(["new", "recipe", "data"])
        assert "no file is called train.csv or the like; it holds 2024.csv" in capsys.readouterr().err

    def test_several_files_are_one(self):
        for year in (2023, 2024):
            write_rows(Path(f"{year}.csv"), rows_of(("yes", "no"), 20, year))

        assert 0 == main(["new", "recipe", "2023.csv", "2024.csv"])
        assert 80 == sum(self.run("2023.toml")["rows"].values())

    def test_labels_joined_in_a_cell_are_several(self):
        cells = ["bug", "bug|urgent", "urgent|billing", "billing", "bug|billing", "urgent"]
        write_rows(Path("t.csv"), [(f"{cells[n % 6].replace('|', ' ')} {n}", cells[n % 6]) for n in range(120)])
        main(["new", "recipe", "t.csv"])
        plan = make_plan("t.toml", {}, discover())

        assert ("|", {"bug", "urgent", "billing"}) == (
            plan.data.settings.label_separator,
            set(plan.data.settings.labels),
        )
        assert "random" == plan.recipe.split.method
        assert self.run("t.toml")["multi_label"]

    def test_leaks_conflicts_and_rare_classes_are_told(self, capsys):
        train = [*rows_of(("yes", "no"), 10), ("once", "rare"), ("both", "yes"), ("both", "no")]
        write_rows(Path("train.csv"), train)
        write_rows(Path("test.csv"), [*rows_of(("yes", "no"), 2, first=100), (" PLEASE yes number 3", "yes")])
        main(["new", "recipe", "train.csv", "--test", "test.csv"])

        out = capsys.readouterr().out
        assert "mind: 1 of 5 test rows are also in train: scores on them are too good; take them out of train" in out
        assert "mind: 1 text with different labels, so no model can be right on every row" in out
        assert "mind: too few rows to have one in each of the 2 splits: 'rare' 1" in out

    @pytest.mark.parametrize("header", ["ticket_id", "number"])
    def test_ids_are_neither_texts_nor_labels(self, header, capsys):
        rows = [(f"{n:032x}", text, label) for n, (text, label) in enumerate(rows_of(("a", "b"), 20))]
        write_rows(Path("t.csv"), [(key, text[-9:], label) for key, text, label in rows], (header, "note", "kind"))

        assert 0 == main(["new", "recipe", "t.csv"])
        assert f"texts in 'note', labels in 'kind' (2 classes), ids in '{header}'" in capsys.readouterr().out
        assert f"# Each row has a value of its own in '{header}'." in Path("t.toml").read_text().splitlines()
        assert 40 == sum(self.run("t.toml")["rows"].values())

    def test_texts_of_one_word_are_no_ids(self, capsys):
        words = ["awful", "fine", "great", "dull", "lovely", "poor"]
        write_rows(Path("t.csv"), [(word, ("bad", "good")[n % 2]) for n, word in enumerate(words)])

        assert 0 == main(["new", "recipe", "t.csv"])
        assert "texts in 'text', labels in 'label' (2 classes)\n" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("premise", "hypothesis"),
            ("question1", "question2"),
            ("Text_A", "Text_B"),
            ("meta.question", "meta.sentence"),
        ],
    )
    def test_pairs_are_known_by_the_names_of_their_columns(self, first, second, capsys):
        rows = [(f"{n}", f"a cat sat {n}", f"a {'cat' if n % 2 else 'dog'} sat", "ny"[n % 2]) for n in range(60)]
        write_rows(Path("t.csv"), rows, ("id", first, second, "label"))

        assert 0 == main(["new", "recipe", "t.csv"])
        assert f"pairs of texts in '{first}' and '{second}', labels in 'label'" in capsys.readouterr().out
        assert 60 == sum(self.run("t.toml")["rows"].values())

    @pytest.mark.parametrize(
        "columns", [("subject", "body"), ("word1", "word2"), ("premise", "note"), ("meta.premise", "hypothesis")]
    )
    def test_other_columns_of_texts_are_no_pairs(self, columns, capsys):
        texts = [("one", "two") if columns[0] == "word1" else ("a short one", f"a long text {n}") for n in range(40)]
        write_rows(Path("t.csv"), [(*given, "ny"[n % 2]) for n, given in enumerate(texts)], (*columns, "label"))

        assert 0 == main(["new", "recipe", "t.csv"])
        assert "pairs" not in capsys.readouterr().out

    def test_the_columns_of_pairs_can_be_named(self, capsys):
        write_rows(Path("t.csv"), [(f"a {n}", f"b {n}", "ny"[n % 2]) for n in range(40)], ("subject", "reply", "label"))

        assert 0 == main(["new", "recipe", "t.csv", "--text-column", "subject", "--text-pair-column", "reply"])
        assert "pairs of texts in 'subject' and 'reply'" in capsys.readouterr().out
        assert 0 == main(["new", "recipe", "t.csv", "--text-pair-column", "subject", "--out", "second.toml"])
        assert "pairs of texts in 'reply' and 'subject'" in capsys.readouterr().out

    def test_one_named_column_of_texts_is_no_pair(self, capsys):
        rows = [(f"a cat {n}", f"a dog {n}", "ny"[n % 2]) for n in range(40)]
        write_rows(Path("t.csv"), rows, ("premise", "hypothesis", "label"))

        assert 0 == main(["new", "recipe", "t.csv", "--text-column", "premise"])
        assert "texts in 'premise', labels in 'label'" in capsys.readouterr().out

    def test_a_column_for_two_things_is_refused(self, capsys):
        write_rows(Path("t.csv"), rows_of(("yes", "no"), 20))

        assert UsageError.exit_code == main(
            ["new", "recipe", "t.csv", "--label-column", "label", "--text-pair-column", "label"]
        )
        assert "texts, second texts of pairs and labels need a column each" in capsys.readouterr().err

    def test_conflicts_and_leaks_of_pairs_are_of_both_texts(self, capsys):
        header = ("premise", "hypothesis", "label")
        train = [(f"a cat {n % 5}", f"a dog {n}", "ny"[n % 2]) for n in range(40)]
        write_rows(Path("train.csv"), [*train, ("a cat", "a dog", "n"), ("a cat", "a dog", "y")], header)
        write_rows(Path("test.csv"), [("a cat 0", "a dog 70", "n"), ("a CAT 0", "a dog  0", "n")], header)

        assert 0 == main(["new", "recipe", "train.csv", "--test", "test.csv"])
        out = capsys.readouterr().out
        assert "mind: 1 of 2 test rows are also in train" in out
        assert "mind: 1 pair with different labels" in out

    def test_embed_is_refused_for_pairs(self, capsys):
        rows = [(f"a cat {n}", f"a dog {n}", "ny"[n % 2]) for n in range(40)]
        write_rows(Path("t.csv"), rows, ("premise", "hypothesis", "label"))

        assert UsageError.exit_code == main(["new", "recipe", "t.csv", "--model", "embed"])
        assert "embed does not take pairs of texts" in capsys.readouterr().err
        assert not Path("t.toml").exists()

    def test_embed_writes_frozen_embeddings_with_a_linear_head(self):
        write_rows(Path("t.csv"), rows_of(("yes", "no"), 20))
        main(["new", "recipe", "t.csv", "--model", "embed"])
        plan = make_plan("t.toml", {}, discover())

        assert ("embed", "sklearn-fit") == (plan.model.component.name, plan.trainer.component.name)
        assert "all-MiniLM-L6-v2" in plan.model.settings.checkpoint

    @pytest.mark.parametrize("model", ["minilm", "distilbert", "modernbert"])
    def test_a_model_can_be_chosen(self, model):
        write_rows(Path("t.csv"), rows_of(("yes", "no"), 20))
        main(["new", "recipe", "t.csv", "--model", model])
        plan = make_plan("t.toml", {}, discover())

        assert ("hf-encoder", "gpu-trainer") == (plan.model.component.name, plan.trainer.component.name)
        assert model.lower() in plan.model.settings.checkpoint.lower()

    def test_files_of_different_kinds_are_refused(self, capsys):
        write_rows(Path("a.csv"), rows_of(("yes", "no"), 5))
        Path("b.jsonl").write_text('{"text": "a", "label": "yes"}\n')

        assert DataError.exit_code == main(["new", "recipe", "a.csv", "--test", "b.jsonl"])
        assert "the files are of different kinds: a.csv, b.jsonl" in capsys.readouterr().err


class TestCopyOfAShippedRecipe:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def test_it_comes_with_its_data(self, tmp_path, root):
        assert 0 == main(["new", "recipe", "--from", "quickstart"])

        assert (root / "recipes/quickstart.toml").read_bytes() == (tmp_path / "quickstart.toml").read_bytes()
        assert (root / "recipes/quickstart.csv").read_bytes() == (tmp_path / "quickstart.csv").read_bytes()

    def test_the_copy_is_a_sound_recipe_elsewhere(self, tmp_path):
        main(["new", "recipe", "--from", "quickstart", "--out", "deep/mine.toml"])

        assert str(tmp_path / "deep/quickstart.csv") == make_plan("deep/mine.toml", {}, discover()).data.settings.source

    def test_a_recipe_with_data_elsewhere_comes_alone(self, tmp_path):
        main(["new", "recipe", "--from", "imdb_distilbert"])

        assert ["imdb_distilbert.toml"] == [path.name for path in tmp_path.iterdir()]

    def test_copying_twice_changes_nothing(self):
        assert [0, 0] == [main(["new", "recipe", "--from", "quickstart"]) for _ in range(2)]

    def test_a_changed_copy_is_left_alone(self, tmp_path, capsys):
        main(["new", "recipe", "--from", "quickstart"])
        (tmp_path / "quickstart.toml").write_text("mine", encoding="utf-8")

        assert UsageError.exit_code == main(["new", "recipe", "--from", "quickstart"])
        assert "mine" == (tmp_path / "quickstart.toml").read_text(encoding="utf-8")

    def test_an_unknown_name_is_an_error_with_a_suggestion(self, capsys):
        assert 2 == main(["new", "recipe", "--from", "quickstar"])
        assert "'quickstart'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["new"], ["new", "recipe"], ["new", "plugin"], ["new", "thing"]])
def test_a_command_that_says_too_little_is_a_usage_error(arguments, capsys):
    assert UsageError.exit_code == main(arguments)
    assert "--help" in capsys.readouterr().err
