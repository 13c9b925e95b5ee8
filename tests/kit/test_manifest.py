"""What a folder holds is described, and every way to differ from that is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from clsfw.kit import manifest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_bytes(b"12345")
    return tmp_path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: None, []),
        (lambda file: file.write_bytes(b"1234"), ["model/weights has 4 bytes instead of 5"]),
        (lambda file: file.write_bytes(b"12346"), ["model/weights was changed"]),
        (Path.unlink, ["model/weights is missing"]),
        (lambda file: file.with_name("more").touch(), ["model/more was added"]),
    ],
)
def test_what_differs(change, words, folder):
    described = manifest.take(folder, ["model", "absent"])

    change(folder / "model/weights")

    assert words == manifest.differences(folder, described, ["model"])


@pytest.mark.parametrize("facts", [None, {}, {"bytes": "5"}])
def test_a_file_that_is_not_described(facts, folder):
    assert ["model/weights is not described"] == manifest.differences(folder, {"model/weights": facts}, ["model"])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", r'"\ud800"'])
def test_what_cannot_be_written_again_is_damage(value, tmp_path):
    (tmp_path / "facts.json").write_text(f'{{"a": {value}}}')

    assert manifest.read(tmp_path / "facts.json") is None
