"""Texts, labels, columns, paths and plugins that try to drive a terminal, a browser, a spreadsheet or a YAML reader."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from html.parser import HTMLParser

import pytest
import yaml

from clsfw.cli import main
from clsfw.report.pages import DOCS

ESCAPES = "\x1b[2J\x1b]8;;http://evil.example\x07\x9b31m\x7f\u202etxt\u2066\u200f\u0007"
MARKUP = "[bold red]x[/nothing] [link=http://evil.example]y[/link] {evil} %s"
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)></textarea></td>&amp;<!--"
MARKDOWN = "| `code` [a](http://evil.example) ![b](http://evil.example/x.png) # *z* --- ~~~ $x$"
EVIL = f"{ESCAPES}{MARKUP}{HTML}{MARKDOWN}"
FORMULA = '=HYPERLINK("http://evil.example","+1")'
YAML = "- !!python/object/apply:os.system ['id'] : & * {a: b}\n---\nlicense: evil"
LABELS = (EVIL, FORMULA, YAML, "@SUM(1)")
COLUMN = f"=1+1{ESCAPES}<b>[bold]"
SPLIT = 'method = "in-order"\ntrain = 12\nvalidation = 4\ntest = 4\n'
FOLDER = "a \x1b[31m[red]\u202e<b>'"

OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def harmless(text):
    """See that a terminal obeys nothing in a text."""
    assert [] == OBEYED.findall(text), text[:2000]
    return text


def rows():
    """Write a CSV file whose every cell and header is hostile."""
    with io.StringIO(newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", COLUMN])
        for n in range(40):
            writer.writerow([f"{(EVIL, FORMULA, YAML)[n % 3]} {n}", LABELS[n % 4], (EVIL, FORMULA)[n % 2]])
        return file.getvalue()


class Page(HTMLParser):
    """Collects what a browser would see as tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.targets = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.targets |= {value for name, value in attrs if name.endswith(("href", "src"))}


@pytest.fixture
def recipe(toy, tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "texts.csv").write_bytes(rows().encode())
    split = SPLIT.replace("12", "24").replace("= 4", "= 8")
    file = toy((SPLIT, f"{split}\n[evidence]\nslices = [{json.dumps(COLUMN)}]\n"))
    return file.rename(folder / "recipe.toml")


@pytest.fixture
def run(recipe, cli):
    """Give a complete run, with what the command line said of it."""
    answer = cli("run", recipe, "--out", recipe.parent / "run")
    assert 0 == answer.code, answer.told
    return recipe.parent / "run", answer


class TestRun:
    def test_78_nothing_on_the_plain_terminal_is_obeyed(self, run):
        _, answer = run

        harmless(answer.out + answer.err)
        assert "[bold red]x[/nothing]" in answer.out

    def test_nothing_in_the_report_is_more_than_text(self, run):
        text = (run[0] / "report.html").read_text(encoding="utf-8")
        page = Page(text)

        assert not page.tags & {"script", "img", "textarea", "iframe", "object", "link", "form"}
        assert not [name for name in page.attributes if name.startswith("on")]
        # links lead to sections of the page, and to the pages of the docs that explain them
        assert all(target.startswith(("#", f"{DOCS}/")) for target in page.targets)
        assert "&lt;script&gt;alert(1)" in text
        harmless(text)

    def test_nothing_in_the_card_is_more_than_text(self, run):
        text = (run[0] / "README.md").read_text(encoding="utf-8")
        _, front, body = text.split("---\n", 2)
        facts = yaml.safe_load(front)

        assert isinstance(facts, dict)
        assert "evil" != facts.get("license")
        assert not re.search(r"(?<!\\)(<script|<img|\]\(http://evil|`code`)", body)
        harmless(text)

    def test_no_cell_of_the_predictions_is_a_formula(self, run):
        text = (run[0] / "predictions.csv").read_text(encoding="utf-8")
        found = list(csv.reader(io.StringIO(text)))

        assert 9 == len(found)
        assert not [cell for row in found for cell in row if re.match(r"[=+@\t\r]|-\D", cell)]

    def test_every_other_file_is_what_it_should_be(self, run):
        for name in ("run.json", "metrics.json", "timings.json", "manifest.json", "model/clsfw.json"):
            json.loads((run[0] / name).read_text(encoding="utf-8"))
            assert "\x1b" not in (run[0] / name).read_text(encoding="utf-8")

    @pytest.mark.parametrize("extra", [[], ["--json"]])
    def test_predict_prints_nothing_that_is_obeyed(self, run, cli, extra):
        answer = cli("predict", run[0], EVIL, FORMULA, *extra)

        assert 0 == answer.code
        if extra:
            assert EVIL == json.loads(answer.out)[0]["text"]
        harmless(answer.out + answer.err)

    def test_labelled_files_hold_no_formulas(self, run, cli, tmp_path):
        answer = cli("predict", run[0], "--file", run[0].parent / "texts.csv", "--output", tmp_path / "out.csv")

        assert 0 == answer.code
        harmless(answer.out + answer.err)
        with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.reader(file))
        assert 41 == len(found)
        assert not [cell for row in found for cell in row if re.match(r"[=+@\t\r]|-\D", cell)]

    def test_evaluate_and_compare_print_nothing_that_is_obeyed(self, run, cli):
        evaluated = cli("evaluate", run[0], "--data", run[0].parent / "texts.csv")
        again = cli("run", run[0].parent / "recipe.toml", "--out", "again", "--set", "seed=8")
        compared = cli("compare", run[0], "again")

        assert (0, 0, 0) == (evaluated.code, again.code, compared.code), evaluated.told + compared.told
        harmless(evaluated.out + evaluated.err + again.out + again.err + compared.out + compared.err)

    @pytest.mark.parametrize("verb", ["show", "check"])
    def test_the_other_verbs_on_the_recipe(self, recipe, cli, verb):
        answer = cli(verb, recipe)

        assert 0 == answer.code
        harmless(answer.out + answer.err)


class Terminal(io.StringIO):
    """A terminal that can move its cursor."""

    def isatty(self):
        return True


def test_nothing_on_the_live_terminal_is_obeyed(recipe, monkeypatch):
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", terminal)

    assert 0 == main(["run", str(recipe), "--out", str(recipe.parent / "run")])
    told = terminal.getvalue()
    assert "[bold red]x[/nothing]" in told
    assert not re.search("\x1b\\[2J|\x1b\\]8|\x07|\x9b|\u202e|\u2066", told)


class TestMessages:
    def test_of_a_label_that_is_not_declared(self, toy, refused):
        texts = rows().replace(EVIL.replace('"', '""'), EVIL.replace('"', '""'))
        answer = refused(3, "run", toy(texts=texts), "--set", 'data.labels={a="A",b="B"}')

        harmless(answer.err)
        assert "is not among the declared 'a', 'b'" in answer.err

    def test_of_a_column_that_is_not_there(self, toy, refused):
        answer = refused(3, "run", toy(texts=rows()), "--set", "data.text_column=tixt")

        harmless(answer.err)
        assert "no column 'tixt'" in answer.err

    def test_of_a_recipe(self, refused, tmp_path):
        for name, text in {
            "value": f"schema = 1\nname = 1 # {MARKUP}{HTML}\u202e\u2066\n",
            "key": '"\\u001b[31m" = 1\n"\\u202e" = 2\n',
            "use": 'schema = 1\nname = "x"\n[data]\nuse = "\\u001b]8;;http://evil\\u0007"\n',
        }.items():
            (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")

            harmless(refused(2, "run", tmp_path / f"{name}.toml").err)

    def test_of_paths_and_arguments(self, refused, cli):
        harmless(refused(2, "run", f"{ESCAPES}.toml").err)
        harmless(refused(2, "run", "quickstart", "--set", f"{ESCAPES}=1").err)
        harmless(refused(2, "run", "quickstart", "--set", f"data.source={ESCAPES}=1", "--set", "seed=x").err)
        harmless(refused(2, ESCAPES.replace("\0", "")).err)
        harmless(cli("predict", ESCAPES, "x").err)
        harmless(cli("compare", ESCAPES, MARKUP).err)

    def test_of_a_plugin_that_raises(self, install, cli, toy):
        install("loud", f"raise ValueError({EVIL!r})")

        listed = cli("list-plugins")
        asked = cli("run", toy(("seed = 7", 'seed = 7\n[[watchers]]\nuse = "loud"\n')))

        assert (0, 4) == (listed.code, asked.code)
        harmless(listed.out + listed.err + asked.err)

    def test_of_a_plugin_that_is_hostile_in_name_and_summary(self, fake_distribution, site, cli):
        source = f"""
import clsfw

@clsfw.hookimpl
def register_models():
    return [clsfw.Component(name="good", summary={EVIL!r}, settings=clsfw.Settings, build=print)]
"""
        entry = "\x1b[31mevil\u202e = evil_plugin"
        fake_distribution("evil\x1b[2J", {"evil_plugin.py": source}, entry, version="1\u202e")

        listed, as_json = cli("list-plugins"), cli("list-plugins", "--json")

        assert (0, 0) == (listed.code, as_json.code)
        harmless(listed.out)
        assert "[bold red]x[/nothing]" in " ".join(listed.out.split())
        assert "\x1b" not in as_json.out


class TestSecrets:
    TOKEN = "hf_" + "planted" * 5

    def test_a_token_of_the_environment_is_kept_nowhere(self, toy, cli, monkeypatch, tmp_path):
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY"):
            monkeypatch.setenv(name, self.TOKEN)

        answer = cli("run", toy(), "--out", "run")

        assert 0 == answer.code
        files = [file for file in (tmp_path / "run").rglob("*") if file.is_file()]
        assert len(files) > 10
        assert [] == [file.name for file in files if self.TOKEN.encode() in file.read_bytes()]
        assert self.TOKEN not in answer.told

    @pytest.mark.parametrize(
        "change",
        [
            ('"texts.csv"', '"https://me:{}@example.org/texts.csv"'),
            ('"texts.csv"', '"https://example.org/texts.csv?token={}"'),
            ('"texts.csv"', '"texts.csv"\ntoken = "{}"'),
            ('name = "mistake"', 'name = "{}"'),
        ],
        ids=["password", "query", "key", "name"],
    )
    def test_a_token_in_a_recipe_is_refused_and_not_repeated(self, change, toy, refused):
        answer = refused(2, "run", toy((change[0], change[1].format(self.TOKEN))))

        assert self.TOKEN not in answer.told
        assert "no secrets" in answer.told

    def test_a_token_in_an_override_is_refused_and_not_repeated(self, toy, refused):
        for override in (f"data.source=https://me:{self.TOKEN}@h/x", f"data.token={self.TOKEN}", f"name={self.TOKEN}"):
            answer = refused(2, "run", toy(), "--set", override)

            assert self.TOKEN not in answer.told

    def test_a_token_in_the_path_of_a_recipe_is_not_kept(self, toy, cli, tmp_path):
        folder = tmp_path / self.TOKEN
        folder.mkdir()
        toy().rename(folder / "recipe.toml")
        (tmp_path / "texts.csv").rename(folder / "texts.csv")

        assert 0 == cli("run", folder / "recipe.toml", "--out", "run").code
        files = [file for file in (tmp_path / "run").rglob("*") if file.is_file() and file.name != "resolved.toml"]
        assert [] == [file.name for file in files if self.TOKEN.encode() in file.read_bytes()]

    def test_the_password_of_a_proxy_is_not_told(self, toy, refused, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{self.TOKEN}@127.0.0.1:9")

        answer = refused(5, "run", toy(("texts.csv", "https://example.org/texts.csv")))

        assert self.TOKEN not in answer.told
