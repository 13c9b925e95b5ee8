"""Splits as files: what other tools read is what the recipe trains on."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value, load_dataset

from clsfw.contract.parts import Labels
from clsfw.discovery.plugins import discover
from clsfw.errors import HostError
from clsfw.inference.export import _write_csv, export_data
from clsfw.recipe.plan import make_plan
from clsfw.report.display import Quiet

if TYPE_CHECKING:
    from pathlib import Path

    from clsfw.recipe.plan import Plan


@pytest.fixture
def plan() -> Plan:
    sizes: dict[str, Any] = {"split.train": 30, "split.validation": 10, "split.test": 20}
    return make_plan("quickstart", sizes, discover())


def test_csv_has_labels_by_name_and_the_row_in_the_source(plan: Plan, tmp_path: Path) -> None:
    files = list(export_data(plan, tmp_path / "data", "csv", Quiet()))
    with files[0][0].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert [("train.csv", 30), ("validation.csv", 10), ("test.csv", 20)] == [(file.name, n) for file, n in files]
    assert {"NEGATIVE", "POSITIVE"} == {row["label"] for row in rows}
    assert {"text", "label", "row"} == set(rows[0])


def test_parquet_reads_back_with_its_class_labels(plan: Plan, tmp_path: Path) -> None:
    list(export_data(plan, tmp_path / "data", "parquet", Quiet()))
    data = load_dataset(
        "parquet", data_files={"test": str(tmp_path / "data" / "test.parquet")}, cache_dir=str(tmp_path / "cache")
    )

    assert ["NEGATIVE", "POSITIVE"] == data["test"].features["label"].names
    assert 20 == len(data["test"])


def test_a_file_that_stands_there_is_not_overwritten(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("mine")

    with pytest.raises(HostError, match=r"train\.csv exists already"):
        list(export_data(plan, tmp_path, "csv", Quiet()))
    assert "mine" == (tmp_path / "train.csv").read_text()


def test_a_lone_carriage_return_reads_back(tmp_path: Path) -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
    data = Dataset.from_dict({"text": ["one\rtwo", "x"], "label": [0, 1]}, features=features)
    _write_csv(data, Labels(("a", "b")), tmp_path / "x.csv")

    assert b'text,label\n"one\rtwo",a\nx,b\n' == (tmp_path / "x.csv").read_bytes()
