from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clsfw.contract.run import Checkpoint
from clsfw.errors import RunDirectoryError, TrainingError
from clsfw.evidence.finished import FinishedRun
from clsfw.store.history import History, read_history

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.jsonl")


def test_lines_come_back_in_order(history: History) -> None:
    history.append({"step": 1, "loss": 0.1})
    history.append({"step": 2, "loss": 0.30000000000000004})

    assert history.read() == [{"step": 1, "loss": 0.1}, {"step": 2, "loss": 0.30000000000000004}]


def test_numpy_numbers_are_taken(history: History) -> None:
    history.append({"step": np.int64(1), "loss": np.float32(0.5)})

    assert history.read() == [{"step": 1, "loss": 0.5}]


def test_a_number_that_is_not_finite_is_refused(history: History) -> None:
    with pytest.raises(TrainingError, match=r"not finite: \{'step': 1, 'loss': nan\}"):
        history.append({"step": 1, "loss": float("nan")})


def test_a_name_that_utf8_cannot_hold_is_refused_and_nothing_is_written(history: History, tmp_path: Path) -> None:
    history.append({"step": 1})

    with pytest.raises(TrainingError, match="a name that is not text"):
        history.append({"step": 2, "\ud800": 0.5})

    assert history.read() == [{"step": 1}]


def test_a_line_torn_by_a_crash_is_left_out(history: History, tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1}\n{"step": 2, "lo')

    assert history.read() == [{"step": 1}]


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none") == []


def test_a_new_start_forgets_the_lines_of_the_last_one(history: History, tmp_path: Path) -> None:
    history.append({"step": 1})
    again = History(tmp_path / "history.jsonl")
    again.append({"step": 7})

    assert again.read() == [{"step": 7}]


def test_goes_back_to_the_copy_of_a_checkpoint(history: History, tmp_path: Path) -> None:
    (tmp_path / "step-1").mkdir()
    (tmp_path / "step-1" / "history.jsonl").write_text('{"step": 1}\n')
    history.append({"step": 5})

    history.rewind(Checkpoint(1, tmp_path / "step-1" / "state"))
    history.append({"step": 2})

    assert history.read() == [{"step": 1}, {"step": 2}]


def test_a_file_that_was_removed_meanwhile_is_whole_at_the_end(history: History, tmp_path: Path) -> None:
    history.append({"step": 1})
    (tmp_path / "history.jsonl").unlink()
    history.append({"step": 2})

    history.finish()

    assert history.read() == [{"step": 1}, {"step": 2}]


def test_an_edited_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1}\nstep 2\n{"step": 3}\n')

    with pytest.raises(RunDirectoryError, match=r"history\.jsonl:2: this is not a line of a history"):
        read_history(tmp_path / "history.jsonl")


@pytest.mark.parametrize(
    "line", ['{"loss": 1}', '{"step": "1"}', '{"step": 1, "split": 2}', '{"step": 1, "loss": NaN}', "[]"]
)
def test_a_line_that_no_run_writes_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "history.jsonl").write_text(f'{{"step": 1}}\n{line}\n')

    with pytest.raises(RunDirectoryError, match=r"history\.jsonl:2: this is not a line of a history"):
        read_history(tmp_path / "history.jsonl")


def test_line_ends_within_a_text_end_no_line(tmp_path):
    history = History(tmp_path / "history.jsonl")
    history.append({"step": 1, "f1_a\x85b\u2028c": 0.5})
    history.finish()

    assert [{"step": 1, "f1_a\x85b\u2028c": 0.5}] == FinishedRun(tmp_path, {}, {}).history
