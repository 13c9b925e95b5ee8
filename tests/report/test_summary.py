"""The summary at the end of a run, word by word."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from clsfw.evidence.finished import FinishedRun
from clsfw.report.summary import _told, summarize
from clsfw.report.terminal import Screen

METRICS: dict[str, Any] = {
    "test": {"accuracy": 0.75, "a_rather_long_name": 0.5},
    "rows": {"train": 10, "test": 4},
    "intervals": {"test": {"accuracy": [0.25, 1.0]}},
    "labels": ["no", "yes\x1b[2J"],
    "multi_label": False,
    "classification_report": {
        "test": {
            "classes": {
                "no": {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2},
                "yes\x1b[2J": {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2},
            }
        }
    },
    "confusion_matrix": {"test": [[1, 1], [0, 2]]},
    "calibration": {"test": {"ece": 0.0, "bins": []}},
    "leaks": {
        "test_without_leaks": {
            "leaked_rows": 1,
            "rows": 3,
            "scores": {"accuracy": 2 / 3},
            "scores_with_leaks": {"accuracy": 0.75},
        }
    },
}
VERDICT = {
    "status": "NOT REPRODUCED",
    "source": "a paper",
    "reasons": [],
    "checks": [{"what": "test accuracy", "expected": 0.9, "found": 0.75, "tolerance": 0.01}],
    "misses": ["test accuracy: 0.75, expected 0.9 within 0.01; it is -0.150000 away"],
}


RECORD: dict[str, Any] = {
    "state": "complete",
    "name": "x",
    "started": "2026-11-27T13:53:32+00:00",
    "fixed": {"recipe": {"split": {"method": "random"}}},
}


def lines(metrics: Any = METRICS, **record: Any) -> list[str]:
    run = FinishedRun(Path("runs/x"), {**RECORD, **record}, metrics)  # type: ignore[typeddict-item]
    run.__dict__["timings"] = {"total_seconds": 83.0}  # as if read
    out = io.StringIO()
    summarize(Screen(out), run)
    return out.getvalue().splitlines()


def test_the_answer_is_one_sentence() -> None:
    assert "75.0 % of 4 test texts are right (95 %: 25.0 to 100.0; majority class 50.0)" in lines()


def test_it_says_when_the_run_was_and_how_long_it_took() -> None:
    assert "x  complete, started 2026-11-27 13:53 UTC, took 1:23" == lines()[1]


def test_scores_come_with_their_limits_where_there_are_some() -> None:
    told = lines()

    assert "  accuracy            0.7500  (95 %: 0.2500 to 1.0000)" in told
    assert "  a rather long name  0.5000" in told


def test_the_matrix_names_its_classes_and_no_label_drives_the_terminal() -> None:
    told = lines()
    start = told.index(next(line for line in told if "true / predicted" in line))

    assert [["true", "/", "predicted", "no", "yes[2J"], ["no", "1", "1"], ["yes[2J", "0", "2"]] == [
        line.split()[:width] for line, width in zip(told[start : start + 3], (5, 3, 3), strict=True)
    ]


def test_leaked_rows_are_a_warning_with_both_scores_and_what_mends_it() -> None:
    assert (
        "warning: 1 of 4 test rows (25.0%) also occur in training or validation: without them accuracy is 0.6667 "
        'instead of 0.7500; [split] group_by = "text" keeps equal texts in one split'
    ) in lines()


def test_a_test_that_was_seen_whole_is_the_loudest_warning() -> None:
    leaks = {
        "test_without_leaks": {"leaked_rows": 4, "rows": 0, "scores": None, "scores_with_leaks": {"accuracy": 1.0}}
    }

    assert (
        "!!! WARNING: EVERY test row also occurs in training or validation (4 of 4): scores on them say nothing of new "
        'texts; [split] group_by = "text" keeps equal texts in one split'
    ) in lines({**METRICS, "leaks": leaks})


def test_what_else_is_to_be_known_is_said_below_the_scores() -> None:
    bins = [{"rows": 400, "confidence": 0.99, "accuracy": 0.5}]
    told = lines({**METRICS, "calibration": {"test": {"ece": 0.49, "bins": bins}}})

    assert [line for line in told if line.startswith("note: the model is surer of its answers than it is right")]


def test_a_missed_result_lists_each_miss() -> None:
    told = lines(verdict=VERDICT)
    start = told.index("[NOT REPRODUCED] 1 of 1 expected numbers were missed  (a paper)")

    assert VERDICT["misses"] == [line.strip() for line in told[start + 1 : start + 2]]


def test_a_single_number_that_was_reached_stands_beside_what_was_expected() -> None:
    checks = [{"what": "test accuracy", "expected": 0.8, "found": 0.75, "tolerance": 0.06}]
    verdict = {**VERDICT, "status": "REPRODUCED", "misses": [], "checks": checks}

    assert "[REPRODUCED] test accuracy 0.7500, expected 0.8 within 0.06  (a paper)" == lines(verdict=verdict)[2]


def test_macro_averages_are_called_so_and_other_scores_of_that_name_are_not() -> None:
    metrics = {**METRICS, "test": {"f1": 0.5, "recall": 0.7}, "intervals": {"test": {"f1": [0.4, 0.6]}}}
    told = lines(metrics)

    assert "  macro F1  0.5000  (95 %: 0.4000 to 0.6000)" in told
    assert "  recall    0.7000" in told


def test_of_many_classes_the_weakest_are_named() -> None:
    names = [f"c{i}" for i in range(77)]
    classes = {name: {"precision": 1.0, "recall": 1.0, "f1": i / 77, "support": 2} for i, name in enumerate(names)}
    metrics = {**METRICS, "labels": names, "classification_report": {"test": {"classes": classes}}}

    assert "  the weakest of 77 classes by F1: c0 0.00, c1 0.01, c2 0.03" in lines(metrics)


def test_it_ends_with_where_the_files_are_and_what_to_type_next() -> None:
    assert [
        "report: runs/x/report.html  (--open shows it)",
        "model:  runs/x/model",
        'next:   clsfw predict runs/x "a text of your own"',
    ] == lines()[-3:]


def test_settings_of_another_part_are_counted_and_not_listed():
    reasons = ["seed: 7, not 42", "model.use: 'a', not 'b'", "model.dim: none, not 96", "trainer.max_steps: 5, not 480"]

    assert [
        "seed: 7, not 42",
        "model.use: 'a', not 'b'",
        "trainer.max_steps: 5, not 480",
        "and 1 other difference, which the report lists",
    ] == _told(reasons)


def test_a_short_list_of_reasons_is_shown_whole():
    assert ["seed: 7, not 42"] == _told(["seed: 7, not 42"])
