"""How requests become batches, with a model of the test's own that says when it goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from clsfw.serving.batching import Batcher, ModelFailed, Overloaded
from clsfw.serving.limits import BATCH_TOKENS, QUEUE_TEXTS

pytest.importorskip("fastapi", reason="needs the extra clsfw[serve]")


class Watch:
    def __init__(self):
        self.waits, self.failures = 0, []

    def batch(self, texts, tokens, seconds):
        pass

    def waiting(self, texts):
        self.waits = texts

    def failed(self, exc):
        self.failures.append(exc)


class Model:
    """Answers a text by itself, and fails on `bad`; while `go` is not set it is at work on its first batch."""

    def __init__(self):
        self.batches, self.go, self.began = [], threading.Event(), threading.Event()

    def __call__(self, texts, *, explain):
        self.batches.append(list(texts))
        self.began.set()
        assert self.go.wait(30)
        if "bad" in texts:
            raise RuntimeError("bad")
        return list(texts), sum(map(len, texts)) // 4


def play(scene):
    """Run a coroutine that takes a batcher, its model and its watch, with the model at work on the text `first`."""

    async def playing():
        model, watch = Model(), Watch()
        batcher = Batcher(model, watch)
        batcher.start()
        first = asyncio.ensure_future(batcher.ask(["first"], explain=False))
        await asyncio.to_thread(model.began.wait, 30)
        try:
            return await scene(batcher, model, watch)
        finally:
            model.go.set()
            await first
            await batcher.close()

    return asyncio.run(playing())


async def asked(batcher, *requests):
    """Begin requests and let them reach the queue."""
    tasks = [asyncio.ensure_future(batcher.ask(texts, explain=False)) for texts in requests]
    await asyncio.sleep(0)
    return tasks


def test_what_came_in_meanwhile_goes_together():
    async def scene(batcher, model, _):
        tasks = await asked(batcher, ["a"], ["b", "c"], ["d"])
        model.go.set()
        return [await task for task in tasks], model.batches

    assert ([["a"], ["b", "c"], ["d"]], [["first"], ["a", "b", "c", "d"]]) == play(scene)


def test_a_batch_ends_where_the_budget_of_tokens_does():
    async def scene(batcher, model, _):
        tasks = await asked(batcher, *[["x" * BATCH_TOKENS] for _ in range(6)])
        model.go.set()
        await asyncio.gather(*tasks)
        return [len(batch) for batch in model.batches]

    assert [1, 4, 2] == play(scene)


def test_a_request_above_the_budget_goes_alone_and_whole():
    async def scene(batcher, model, _):
        tasks = await asked(batcher, ["a"], ["x" * BATCH_TOKENS] * 8, ["b"])
        model.go.set()
        await asyncio.gather(*tasks)
        return [len(batch) for batch in model.batches]

    assert [1, 1, 8, 1] == play(scene)


def test_more_than_the_queue_holds_is_turned_away_and_then_taken_again():
    async def scene(batcher, model, watch):
        tasks = await asked(batcher, *[["a"] * 256 for _ in range(3)], ["a"] * 255)
        assert QUEUE_TEXTS == watch.waits
        with pytest.raises(Overloaded) as refused:
            await batcher.ask(["one more"], explain=False)
        model.go.set()
        await asyncio.gather(*tasks)
        return refused.value.seconds, await batcher.ask(["later"], explain=False)

    seconds, later = play(scene)
    assert 1 <= seconds <= 60
    assert ["later"] == later


def test_what_nobody_waits_for_is_not_predicted():
    async def scene(batcher, model, watch):
        tasks = await asked(batcher, ["gone"], ["stays"])
        tasks[0].cancel()
        await asyncio.sleep(0)
        waits = watch.waits
        model.go.set()
        return await tasks[1], model.batches, waits

    assert (["stays"], [["first"], ["stays"]], 2) == play(scene)


def test_a_request_on_which_the_model_fails_harms_no_other():
    async def scene(batcher, model, watch):
        tasks = await asked(batcher, ["a"], ["bad", "worse"], ["b"])
        model.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True), watch.failures

    (one, failed, other), failures = play(scene)
    assert (["a"], ["b"]) == (one, other)
    assert isinstance(failed, ModelFailed)
    assert not failed.args
    assert ["bad"] == [str(exc) for exc in failures]


def test_what_was_accepted_is_answered_before_it_ends():
    async def scene(batcher, model, _):
        tasks = await asked(batcher, ["a"], ["b"])
        closing = asyncio.ensure_future(batcher.close())
        await asyncio.sleep(0)
        model.go.set()
        await closing
        return [await task for task in tasks], batcher.alive

    assert ([["a"], ["b"]], False) == play(scene)
