"""Texts are tokenized once, kept flat on the disk, and never taken for other texts."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clsfw.errors import HostError
from clsfw.report.display import Quiet
from clsfw_torch import kept as kept_module
from clsfw_torch import tokens as module
from clsfw_torch.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty cache, and keep even a handful of texts there."""
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "CACHED_FROM", 1)
    monkeypatch.setattr(module, "CHUNK", 7)
    return tmp_path / "tokens"


@pytest.fixture
def texts(data: Callable[..., Any]) -> Any:
    return data(30)["text"]


def rows(tokens: Any) -> list[list[int]]:
    return [tokens.ids[a:b].tolist() for a, b in zip(tokens.starts[:-1], tokens.starts[1:], strict=True)]


def test_ids_lengths_and_truncation_are_the_models(cache: Path, texts: Any, classifier: Callable[..., Any]) -> None:
    expected = classifier().tokenize(list(texts))

    tokens = tokenize(classifier(), texts, Quiet())

    assert rows(tokens) == expected.ids
    assert tokens.whole.tolist() == expected.tokens.tolist()
    assert tokens.truncated.tolist() == expected.truncated.tolist()


def test_cached_and_uncached_tokens_are_the_same(
    cache: Path, texts: Any, classifier: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tokenize(classifier(), texts, Quiet())
    monkeypatch.setattr(module, "CACHED_FROM", 1000)

    fresh = tokenize(classifier(), texts, Quiet())

    for name in ("ids", "starts", "whole", "truncated"):
        np.testing.assert_array_equal(getattr(cached, name), getattr(fresh, name))


def test_the_second_time_nothing_is_tokenized(cache: Path, texts: Any, classifier: Callable[..., Any]) -> None:
    tokenize(classifier(), texts, Quiet())
    model = classifier()

    tokenize(model, texts, Quiet())

    assert model.calls == 0


def test_few_texts_are_not_kept(cache: Path, texts: Any, classifier: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "CACHED_FROM", 31)

    tokenize(classifier(), texts, Quiet())

    assert not cache.exists()


def test_predicting_keeps_the_splits_of_a_run_and_nobodys_own_rows(
    cache: Path, texts: Any, classifier: Callable[..., Any], trainer: Callable[..., Any]
) -> None:
    own = trainer().predict(classifier(), list(texts), Quiet())
    kept_of_a_list = cache.exists()

    of_a_split = trainer().predict(classifier(), texts, Quiet())

    assert not kept_of_a_list
    assert len(list(cache.iterdir())) == 1
    np.testing.assert_array_equal(own.probabilities, of_a_split.probabilities)
    np.testing.assert_array_equal(own.tokens, of_a_split.tokens)


@pytest.mark.parametrize("other", [["w5 w6"], ["w5", "w6"], ["w56"], ["w5 w6", ""]])
def test_other_texts_have_another_key(other: list[str], classifier: Callable[..., Any]) -> None:
    keys = {module._key(classifier(), texts) for texts in ([*other], ["w5", "w6", ""])}

    assert len(keys) == 2


@pytest.mark.parametrize("name", ["ids", "lengths", "whole", "truncated", "sha256.json"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: bytes([data[0] ^ 1]) + data[1:], lambda _: b""]
)
def test_a_damaged_entry_is_made_again(
    name: str, damage: Callable[[bytes], bytes], cache: Path, texts: Any, classifier: Callable[..., Any]
) -> None:
    expected = rows(tokenize(classifier(), texts, Quiet()))
    (entry,) = cache.iterdir()
    (entry / name).write_bytes(damage((entry / name).read_bytes()))

    assert rows(tokenize(classifier(), texts, Quiet())) == expected


def test_the_entries_used_longest_ago_are_removed(
    cache: Path, texts: Any, classifier: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "KEPT_ENTRIES", 2)
    lists = [list(texts[:5]), list(texts[5:10]), list(texts[10:15])]
    for age, some in zip((1, 0), lists[:2], strict=True):
        tokenize(classifier(), some, Quiet())
        entry = cache / module._key(classifier(), some)
        os.utime(entry, (entry.stat().st_mtime - 100 + age * 50,) * 2)

    tokenize(classifier(), lists[2], Quiet())

    assert {path.name for path in cache.iterdir()} == {module._key(classifier(), lists[i]) for i in (0, 2)}


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, texts: Any, classifier: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(module, "CACHED_FROM", 1)

    with pytest.raises(HostError, match="file"):
        tokenize(classifier(), texts, Quiet())


def test_of_two_processes_one_tokenizes_and_the_other_waits(
    cache: Path, texts: Any, classifier: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [classifier(), classifier()]
    for model in models:
        monkeypatch.setattr(model, "tokenize", slowly(model.tokenize))

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda model: tokenize(model, texts, Quiet()), models)

    assert rows(first) == rows(second)
    assert sorted(model.calls for model in models) == [0, -(-len(texts) // module.CHUNK)]


def slowly(tokenize: Callable[..., Any]) -> Callable[..., Any]:
    def later(texts: list[str]) -> Any:
        time.sleep(0.05)
        return tokenize(texts)

    return later


def test_an_entry_that_another_process_removes_is_no_error(
    cache: Path, texts: Any, classifier: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: [*there(self), self / "gone"])

    assert len(rows(tokenize(classifier(), texts, Quiet()))) == len(texts)


@pytest.mark.parametrize("keep", [False, True])
def test_what_both_sides_of_pairs_lost_is_the_models(cache: Path, *, keep: bool) -> None:
    class Pairs:
        pad_token_id = 0

        def tokenizer_key(self) -> str:
            return "pairs of the tests"

        def tokenize(self, pairs: list[tuple[str, str]]) -> Any:
            lost = np.array([[len(first), len(second)] for first, second in pairs])
            ids = [[1, 2] for _ in pairs]
            whole, cut = np.full(len(pairs), 2), np.zeros(len(pairs), dtype=bool)
            return SimpleNamespace(ids=ids, tokens=whole, truncated=cut, types=None, lost=lost)

    model: Any = Pairs()
    pairs = [("a" * n, "b" * (n + 1)) for n in range(9)]

    assert tokenize(model, pairs, Quiet(), keep=keep).lost.tolist() == [[n, n + 1] for n in range(9)]
