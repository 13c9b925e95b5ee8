"""The summary at the end of a run, word by word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clsfw.evidence.finished import FinishedRun
from clsfw.report.summary import summarize

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
    "misses": ["test accuracy: 0.75, expected 0.9 within 0.01; it is -0.150000 away"],
}


RECORD: dict[str, Any] = {"state": "complete", "fixed": {"recipe": {"split": {"method": "random"}}}}


def lines(metrics: Any = METRICS, **record: Any) -> list[str]:
    return summarize(FinishedRun(Path("runs/x"), {**RECORD, **record}, metrics)).splitlines()  # type: ignore[typeddict-item]


def test_scores_come_with_their_limits_where_there_are_some() -> None:
    assert ["  accuracy            0.7500   (95 %: 0.2500 to 1.0000)", "  a_rather_long_name  0.5000"] == lines()[2:4]


def test_the_matrix_names_its_classes_and_no_label_drives_the_terminal() -> None:
    told = lines()
    start = told.index(next(line for line in told if "true / predicted" in line))

    assert [["true", "/", "predicted", "no", "yes[2J"], ["no", "1", "1"], ["yes[2J", "0", "2"]] == [
        line.split() for line in told[start : start + 3]
    ]


def test_leaked_rows_are_a_warning_with_both_scores_and_what_mends_it() -> None:
    assert (
        "warning: 1 of 4 test rows (25.0%) also stand in training or validation: without them accuracy is 0.6667 "
        'instead of 0.7500; [split] group_by = "text" keeps equal texts in one split'
    ) in lines()


def test_a_test_that_was_seen_whole_is_the_loudest_warning() -> None:
    leaks = {
        "test_without_leaks": {"leaked_rows": 4, "rows": 0, "scores": None, "scores_with_leaks": {"accuracy": 1.0}}
    }

    assert (
        "!!! WARNING: EVERY test row also stands in training or validation (4 of 4): scores on them say nothing of new "
        'texts; [split] group_by = "text" keeps equal texts in one split'
    ) in lines({**METRICS, "leaks": leaks})


def test_what_else_is_to_be_known_is_said_below_the_scores() -> None:
    bins = [{"rows": 400, "confidence": 0.99, "accuracy": 0.5}]
    told = lines({**METRICS, "calibration": {"test": {"ece": 0.49, "bins": bins}}})

    assert [line for line in told if line.startswith("note: the model is surer of its answers than it is right")]


def test_a_missed_result_lists_each_miss() -> None:
    told = lines(verdict=VERDICT)
    start = told.index("verdict: NOT REPRODUCED (a paper)")

    assert VERDICT["misses"] == [line.strip() for line in told[start + 1 : start + 2]]


def test_it_ends_with_where_the_files_are() -> None:
    assert ["report: runs/x/report.html", "model:  runs/x/model"] == lines()[-2:]
