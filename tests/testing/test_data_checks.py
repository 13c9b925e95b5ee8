"""Each check of data sources lets a sound one pass, and fails a source that is bad in just its way."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from pydantic import Field

import clsfw
from clsfw.errors import ContractError, DataError
from clsfw.testing import check_data_source, data_checks
from clsfw.testing.kit import Check
from clsfw.testing.samples import SEVERAL, toy_splits
from clsfw.testing.subject import Subject

FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})


class Settings(clsfw.Settings):
    path: clsfw.RecipePath = Field(description="one text per line")


def subject(load, folder):
    class Source:
        def __init__(self, settings):
            self.path = Path(settings.path)

        def load(self, reporter):
            return load(self.path)

    (folder / "texts.txt").write_text("good\nbad\nbetter\nworse\n", encoding="utf-8")
    component = clsfw.Component(name="great", summary="s", settings=Settings, build=Source)
    return Subject("data", component, {"path": "texts.txt"}, folder)


def make(texts, labels=None, features=FEATURES, **more):
    return Dataset.from_dict(
        {"text": texts, "label": labels or [n % 2 for n in range(len(texts))], **more}, features=features
    )


def sound(path):
    try:
        return make(path.read_text(encoding="utf-8").splitlines())
    except FileNotFoundError as exc:
        raise DataError(f"{path}: no such file") from exc


def with_splits(path):
    return DatasetDict({"train": sound(path), "test": sound(path)})


def several_labels(path):
    sound(path)
    return toy_splits(SEVERAL)["train"]


def without_label_names(path):
    return Dataset.from_dict({"text": ["a"], "label": [0]})


def with_empty_label(path):
    return make(["a", "b"], [0, None])


def with_no_row(path):
    return make([], [])


def with_no_label_for_a_row(path):
    return make(["a", "b"], [0, -1])


_NUMBERS = itertools.count()


def changing(path):
    return make([f"text {next(_NUMBERS)}"])


def with_split_dev(path):
    return DatasetDict({"train": sound(path), "dev": sound(path)})


def with_equal_rows(path):
    return make(["a", "b"], features=Features({**FEATURES, "row": Value("int64")}), row=[0, 0])


def with_text_rows(path):
    return make(["a", "b"], features=Features({**FEATURES, "row": Value("string")}), row=["0", "1"])


def lets_the_error_through(path):
    return make(path.read_text(encoding="utf-8").splitlines())


def hides_the_error(path):
    return sound(path) if path.exists() else make(["nothing"])


def does_not_name_the_file(path):
    if not path.exists():
        raise DataError("the file is not there")
    return sound(path)


def calls_home(path):
    socket.getaddrinfo("localhost", 80)
    return sound(path)


def walks_away(path):
    os.chdir(path.parent)
    return sound(path)


BAD = [
    (data_checks.gives_texts_and_labels, without_label_names, "label"),
    (data_checks.gives_texts_and_labels, with_empty_label, "row 1 has no label"),
    (data_checks.gives_texts_and_labels, with_no_row, "has no row"),
    (
        data_checks.gives_texts_and_labels,
        with_no_label_for_a_row,
        "label of row 1 is -1, which stands for no class",
    ),
    (data_checks.same_rows_every_time, changing, "loading twice gives different rows"),
    (data_checks.names_its_splits, with_split_dev, "dev"),
    (data_checks.numbers_its_rows, with_equal_rows, "column 'row' must hold different int64 numbers"),
    (data_checks.numbers_its_rows, with_text_rows, "column 'row' must hold different int64 numbers"),
    (data_checks.says_what_is_missing, lets_the_error_through, "a missing path must be a DataError, not FileNotFound"),
    (data_checks.says_what_is_missing, hides_the_error, "a missing path is not noticed"),
    (data_checks.says_what_is_missing, does_not_name_the_file, "does not name the file"),
    (data_checks.works_offline, calls_home, "Network is unreachable"),
    (data_checks.leaves_surroundings_alone, walks_away, "changes the working directory"),
]


@pytest.mark.parametrize("check", data_checks.CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("good", [sound, with_splits, several_labels])
def test_a_sound_source_passes(check, good, tmp_path):
    Check(subject(good, tmp_path), check)()


@pytest.mark.parametrize(("check", "bad", "words"), BAD, ids=[bad.__name__ for _, bad, _ in BAD])
def test_a_bad_source_fails(check, bad, words, tmp_path):
    with pytest.raises(ContractError, match=words) as caught:
        Check(subject(bad, tmp_path), check)()

    assert str(caught.value).startswith("data 'great'")


def test_every_check_has_a_bad_source():
    assert set(data_checks.CHECKS) == {check for check, _, _ in BAD}


def test_check_data_source_tries_all_of_them(tmp_path):
    good = subject(sound, tmp_path).component
    check_data_source(good, {"path": str(tmp_path / "texts.txt")})

    with pytest.raises(ContractError, match="loading twice gives different rows"):
        check_data_source(subject(changing, tmp_path).component, {"path": str(tmp_path / "texts.txt")})
