"""The report of a study: what it shows, and that it needs nothing from elsewhere."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from support.runs import write_run

from clsfw.discovery.plugins import discover
from clsfw.report.pages import DOCS
from clsfw.studies.content import RESULT, FinishedStudy
from clsfw.studies.execute import carry_out
from clsfw.studies.page import render_study, shown_rows
from clsfw.studies.pictures import against
from clsfw.studies.plan import make_study
from clsfw.studies.spread import spread
from clsfw.studies.steadiness import steadiness, summed
from clsfw.studies.whole import over_seeds_and_rows

SEARCH = """
[study]
seeds = 3

[study.search]
use = "random"
trials = 4
metric = "f1"

[study.space]
"trainer.steps" = { low = 1, high = 30 }
"trainer.stop_at" = { choices = [0, 900] }
"""

GOLD = np.arange(60) % 3
NAMES = ("pos", "neg", "<b>odd</b>")


def told(page: str) -> str:
    """Return the words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch):
    """Leave out the reports of the runs alone."""
    monkeypatch.setattr("clsfw.engine.finish.render_report", lambda *_: "<p>a report</p>")


@pytest.fixture
def tables(tmp_path):
    """Give the rows of three seeds: the first is always wrong, the second with one seed, the third with two."""
    said = []
    for seed in range(3):
        one = GOLD.copy()
        one[0] = (GOLD[0] + 1) % 3
        one[1] = (GOLD[1] + (seed == 0)) % 3
        one[2] = (GOLD[2] + (seed < 2)) % 3
        said.append(one)
    for seed, one in enumerate(said):
        write_run(tmp_path / f"s/runs/seed-{seed}", GOLD, one, names=NAMES)
    runs = [{"run": f"seed-{seed}", "seed": seed, "values": "own", "error": None} for seed in range(3)]
    accuracy = spread([float(np.mean(one == GOLD)) for one in said])
    record = {
        "schema": 1,
        "name": "s",
        "identity": "ab",
        "study": {},
        "runs": runs,
        "scores": {"test": {"accuracy": accuracy}},
    }
    (tmp_path / "s" / RESULT).write_text(json.dumps({**record, "verdict": None, "search": None}))
    return FinishedStudy.read(tmp_path / "s")


class TestRows:
    def test_lost_and_flipping(self, tables):
        found = steadiness([run.predictions for run in tables.runs])

        assert [0] == found.lost.tolist()
        assert [1, 2] == found.flipping.tolist()
        assert [0, 2, 1, 3] == found.right[:4].tolist()
        assert [0, 1, 2] == shown_rows([run.predictions for run in tables.runs])

    def test_the_matrix_sums_over_seeds(self, tables):
        matrix = summed([run.predictions for run in tables.runs])

        assert 180 == np.sum(matrix)
        assert 6 == np.sum(matrix) - np.trace(matrix)

    def test_the_headline_covers_seeds_and_rows(self, tables):
        low, high = over_seeds_and_rows(tables, "accuracy")

        assert 0.9 < low < tables.scores["test"]["accuracy"]["interval"][0]
        assert f"it is likely between {low:.4f} and {high:.4f}" in told(render_study(tables, {}))
        assert "Over all seeds and test texts" in told(render_study(tables, {}))

    def test_a_score_that_is_not_a_mean_over_rows_has_the_interval_over_seeds(self, tables, monkeypatch):
        monkeypatch.setattr("clsfw.studies.page.over_seeds_and_rows", lambda *_: None)

        assert over_seeds_and_rows(tables, "kappa") is None
        assert "Other test texts would move it, too" in told(render_study(tables, {}))

    def test_a_metric_that_has_the_name_of_one_alone_has_no_interval_over_rows(self, tables):
        tables.scores["test"]["f1"] = tables.scores["test"]["accuracy"] | {"mean": 0.5}

        assert over_seeds_and_rows(tables, "f1") is None

    def test_their_texts_stand_in_the_page(self, tables):
        page = render_study(tables, {0: "a <script>bad</script> text", 1: "another one"})

        assert "a &lt;script&gt;bad&lt;/script&gt; text" in page
        assert "another one" in page
        assert "1 rows are wrong with every seed" in told(page)
        assert "2 of 60 rows (3.3 %) are right with some seeds and wrong with others" in told(page).replace("\xa0", " ")
        assert "2 of 3 seeds are right" in told(page)
        assert "<b>odd" not in page

    def test_factors_are_written_in_plain_numbers(self):
        """Not as `$\\mathdefault{10^{0}}$`."""
        trials = [
            {"number": i, "values": {"trainer.C": 10.0**i}, "score": 0.5, "share": 1.0, "first": 0.5, "error": None}
            for i in range(3)
        ]

        picture = against("trainer.C", trials, "f1", within={"log": True}, number=1).text

        assert "$" not in picture
        assert ">100<" in picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give the directory of a study that is carried out once."""
    return tmp_path_factory.mktemp("paged") / "s"


class TestPage:
    @pytest.fixture
    def page(self, study, folder):
        carry_out(make_study(study(SEARCH), [], discover()), out=folder)
        return (folder / "report.html").read_text(encoding="utf-8")

    def test_it_shows_what_a_reader_asks(self, page):
        for words in (
            "What the search found",
            "Score against each setting",
            "Wrong with every seed",
            "Flips between seeds",
            "Runs",
        ):
            assert words in told(page)
        assert "Chosen: steps " in told(page)
        assert "under fresh seeds the same values have" in told(page)

    def test_each_seed_is_a_dot(self, page):
        scores = page[page.index('id="scores"') : page.index('id="search"')]

        # 3 seeds and their mean, 4 scores, chosen and own values
        assert 4 * 4 * 2 == scores.count("<circle")

    def test_it_leads_to_the_report_of_each_run(self, page, folder):
        links = re.findall(r'href="(runs/[^"]+)"', page)

        assert 6 == len(links)
        assert all((folder / link).is_file() for link in links)

    def test_nothing_comes_from_elsewhere(self, page):
        page = page.replace(DOCS, "#docs")  # links to them load nothing
        assert not re.findall(r'(?:src|href)="(?!#|runs/)', page)
        assert "<script" not in page
        assert "://" not in re.sub(r"xmlns(:\w+)?=\"[^\"]+\"", "", page)

    def test_same_study_same_bytes(self, page, folder, study):
        (folder / RESULT).unlink()
        (folder / "report.html").unlink()

        carry_out(make_study(study(SEARCH), [], discover()), out=folder)

        assert page == (folder / "report.html").read_text(encoding="utf-8")

    def test_texts_of_lost_rows_are_there(self, page, folder):
        finished = FinishedStudy.read(folder)
        lost = steadiness([run.predictions for run in finished.runs[:3]]).lost

        assert len(lost) > 0
        part = page[page.index('id="wrong"') : page.index('id="flips"')]
        assert part.count('class="text"') == min(20, len(lost))


class TestCard:
    def test_the_chosen_model_says_how_it_was_chosen(self, study, tmp_path):
        finished = carry_out(make_study(study(SEARCH), [], discover()), out=tmp_path / "s")

        card = finished.runs[0].directory / "README.md"
        words = "chosen by a search: of 4 trials (random) they have the best f1 on the validation split"
        assert words in card.read_text(encoding="utf-8")
        assert "chosen by a search" not in (finished.runs[3].directory / "README.md").read_text(encoding="utf-8")
