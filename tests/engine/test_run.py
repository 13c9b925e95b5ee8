"""What a run tells its watchers, and how it counts seconds."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import Dataset

from clsfw.contract.parts import Labels, Watcher
from clsfw.discovery.parts import BuiltWatcher
from clsfw.discovery.plugins import Plugin
from clsfw.engine.handles import TrainerHandle, WatchedHandle
from clsfw.engine.run import Execution
from clsfw.errors import HostError, RunDirectoryError
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clsfw.contract.run import WatchedRun

    Open = Callable[..., Execution]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    data = {"train": Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})}
    with ExitStack() as stack:
        store = stack.enter_context(RunDirectory.open(tmp_path / "run"))

        def opened(*watchers: BuiltWatcher, **options: Any) -> Execution:
            return Execution(
                name="run",
                seed=1,
                labels=Labels(("no", "yes")),
                data=data,
                store=store,
                metrics=[],
                watchers=watchers,
                display=Quiet(),
                signals=stack.enter_context(StopSignals()),
                **options,
            )

        yield opened


class Peep(Watcher):
    """Keeps what it was told; does something of its own first."""

    def __init__(self, act: Callable[[Any], object] = lambda _: None) -> None:
        self.act = act
        self.told: list[Any] = []

    def on_evaluate(self, run: WatchedRun, split: str, scores: Any) -> None:
        self.act(scores)
        self.told.append(scores)


def built(name: str, peep: Peep, *, required: bool = False) -> BuiltWatcher:
    return BuiltWatcher(Plugin(name, name, "0", "ok"), name, peep, required=required)


def fail(_: object) -> None:
    raise HostError("disk full")


def test_a_watcher_cannot_change_what_others_get(opened: Open) -> None:
    first, second = Peep(lambda scores: scores.clear()), Peep()
    scores = {"accuracy": 0.5}
    opened(built("first", first), built("second", second)).notify("on_evaluate", split="test", scores=scores)

    assert {"accuracy": 0.5} == scores
    assert [{}] == first.told
    assert [scores] == second.told


def test_a_watcher_that_fails_is_told_nothing_more_and_the_others_are(opened: Open) -> None:
    first, second = Peep(fail), Peep()
    run = opened(built("first", first), built("second", second))
    with pytest.warns(UserWarning, match="watcher 'first' failed and is not called again: disk full"):
        run.notify("on_evaluate", split="test", scores={})
    first.act = lambda _: None
    run.notify("on_evaluate", split="test", scores={})

    assert ([], [{}, {}]) == (first.told, second.told)
    assert ["watcher 'first' failed and is not called again: disk full"] == run.display.warnings


def test_the_warning_of_a_watcher_is_on_disk_at_once_beside_those_from_before_the_run_went_on(opened: Open) -> None:
    run = opened(built("first", Peep(fail)))
    run.store.update(warnings=["before"])
    with pytest.warns(UserWarning, match="watcher 'first' failed"):
        run.notify("on_evaluate", split="test", scores={})

    kept = json.loads((run.store.path / "run.json").read_text())["warnings"]
    assert ["before", "watcher 'first' failed and is not called again: disk full"] == kept


def test_a_required_watcher_ends_the_run_when_all_were_told(opened: Open) -> None:
    first, second = Peep(fail), Peep()
    run = opened(built("first", first, required=True), built("second", second))
    with pytest.raises(HostError, match="disk full"):
        run.notify("on_evaluate", split="test", scores={})

    assert [{}] == second.told


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def test_a_block_within_another_is_counted_once(opened: Open, clock: Clock) -> None:
    run = opened()
    with run.clock.timed("train_seconds"):
        clock.now += 1
        with run.clock.timed("evaluation_seconds"):
            clock.now += 10
        clock.now += 2
    clock.now += 100

    assert {"train_seconds": 3.0, "evaluation_seconds": 10.0, "total_seconds": 113.0} == run.clock.read()


def test_what_watchers_take_is_not_counted_as_training(opened: Open, clock: Clock) -> None:
    def take_seven_seconds(_: object) -> None:
        clock.now += 7

    run = opened(built("slow", Peep(take_seven_seconds)))
    with run.clock.timed("train_seconds"):
        clock.now += 1
        run.notify("on_evaluate", split="test", scores={})
        clock.now += 2

    assert {"train_seconds": 3.0, "watch_seconds": 7.0, "total_seconds": 10.0} == run.clock.read()


def test_a_continued_run_counts_on_from_its_checkpoint(opened: Open, clock: Clock) -> None:
    first = opened()
    clock.now += 1
    with first.clock.timed("train_seconds"):
        clock.now += 4
        first.store.checkpoints.commit(1, lambda folder: (folder / "x").touch())
        clock.now += 50
    second = opened()
    assert second.resume() is not None
    with second.clock.timed("train_seconds"):
        clock.now += 6

    assert {"train_seconds": 10.0, "total_seconds": 11.0} == second.clock.read()


class Shown(Quiet):
    """Keeps what it is shown of evaluations."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Any] = []

    def evaluated(self, *row: Any, **how: Any) -> None:
        self.rows.append((*row, how))


def test_a_run_that_goes_on_shows_what_was_evaluated_before(opened: Open) -> None:
    run = opened()
    run.display = shown = Shown()
    run.store.history.append({"step": 1, "loss": 0.5})
    run.store.history.append({"step": 2, "split": "validation", "loss": 0.25, "f1": 0.75})
    run.store.history.append({"step": 2, "split": "test", "f1": 0.5})
    run.recall()

    assert [(2, 0.5, 0.25, {"f1": 0.75}, {"earlier": True})] == shown.rows


def test_what_is_evaluated_is_shown_with_both_losses(opened: Open) -> None:
    run = opened()
    run.display = shown = Shown()
    run.log(3, {"loss": 0.5})
    run.evaluate(4, "train", np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), loss=0.25)

    assert [(4, 0.5, 0.25, {}, {})] == shown.rows


@pytest.mark.parametrize("kind", [WatchedHandle, TrainerHandle])
@pytest.mark.parametrize("name", ["labels", "data", "name", "seed", "_execution", "anything"])
def test_nothing_of_a_run_can_be_set(opened: Open, kind: type[WatchedHandle], name: str) -> None:
    handle = kind(opened())

    with pytest.raises(AttributeError, match=f"a run is read-only, so '{name}' cannot be set"):
        setattr(handle, name, None)
    with pytest.raises(AttributeError, match="read-only"):
        delattr(handle, name)


def test_no_split_of_a_run_can_be_swapped(opened: Open) -> None:
    handle = TrainerHandle(opened())

    with pytest.raises(TypeError, match="does not support item assignment"):
        handle.data["test"] = handle.data["train"]  # type: ignore[index]  # what the test is about


def test_what_a_part_does_to_its_split_in_place_stays_with_it(opened: Open) -> None:
    run = opened()
    handle = TrainerHandle(run)
    handle.data["train"].set_format("numpy")
    handle.data["train"].info.description = "changed"

    assert (None, None) == (run.data["train"].format["type"], WatchedHandle(run).data["train"].format["type"])
    assert ["a", "b"] == list(run.data["train"]["text"])


def test_a_watcher_can_neither_log_nor_evaluate(opened: Open) -> None:
    handle = WatchedHandle(opened())

    assert [] == [n for n in ("log", "evaluate", "record", "checkpoints", "stop", "timed") if hasattr(handle, n)]


def test_the_warnings_that_a_run_keeps_are_out_of_a_parts_reach(opened: Open) -> None:
    run = opened()
    handle = TrainerHandle(run)
    with pytest.warns(UserWarning, match="told"):
        handle.reporter.warn("told")

    assert ["told"] == run.display.warnings
    assert not hasattr(handle.reporter, "warnings")


class TestOtherBits:
    """What the bits of a run hang on is recorded, and a run that goes on must find it as it was."""

    def test_it_is_recorded_at_once(self, opened: Open) -> None:
        run = opened()

        TrainerHandle(run).fix(device="cpu", threads=2)

        assert run.store.record["fixed"]["computed"] == {"device": "cpu", "threads": 2}
        assert run.facts == {"device": "cpu", "threads": 2}
        assert dict(TrainerHandle(opened()).begun) == {"device": "cpu", "threads": 2}

    def test_without_a_checkpoint_there_is_nothing_to_spoil(self, opened: Open) -> None:
        opened().fix({"threads": 2})

        opened().fix({"threads": 1})

    def test_a_run_that_goes_on_otherwise_is_refused(self, opened: Open) -> None:
        opened().fix({"threads": 2})
        run = opened()
        run.store.checkpoints.commit(1, lambda folder: (folder / "state").touch())

        with pytest.raises(
            RunDirectoryError, match=r"other bits than it promises:\n    threads: 2 before, 1 now\n"
        ) as error:
            run.fix({"threads": 1})

        assert "--accept-other-bits" in str(error.value)
        assert run.store.record["fixed"]["computed"] == {"threads": 2}
        run.fix({"threads": 2})
        assert "other_bits" not in run.store.record

    def test_it_goes_on_where_that_is_accepted_and_says_so(self, opened: Open) -> None:
        opened().fix({"threads": 2})
        run = opened(accept_other_bits=True)
        run.store.checkpoints.commit(1, lambda folder: (folder / "state").touch())

        with pytest.warns(UserWarning, match="no longer promises its bits: threads: 2 before, 1 now"):
            run.fix({"threads": 1})

        assert run.store.record["other_bits"] == ["threads: 2 before, 1 now"]
        assert run.store.record["fixed"]["computed"] == {"threads": 1}

    def test_a_run_that_repeats_another_is_told_how_that_one_was_begun(self, opened: Open) -> None:
        assert dict(TrainerHandle(opened(begun={"threads": 5})).begun) == {"threads": 5}


def test_recorded_facts_are_kept_as_json_holds_them(opened: Open) -> None:
    run = opened()
    TrainerHandle(run).record(device="cpu", loss=np.float32(0.5), steps=np.int64(3), sizes=(1, 2))
    run.store.update(training=run.facts)

    assert {"device": "cpu", "loss": 0.5, "steps": 3, "sizes": [1, 2]} == run.store.record["training"]


@pytest.mark.parametrize("value", [object(), float("nan"), {1j}], ids=["object", "nan", "set"])
def test_a_fact_that_no_file_can_hold_is_told_when_it_is_recorded(opened: Open, value: object) -> None:
    with pytest.raises(TypeError, match=r"run\.json cannot hold \{'fact': "):
        TrainerHandle(opened()).record(fact=value)
