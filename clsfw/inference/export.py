"""Writes the splits of a plan as files that other tools read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.engine.prepare import prepare_data
from clsfw.errors import HostError
from clsfw.kit.labels import join_labels
from clsfw.kit.text import csv_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from datasets import Dataset

    from clsfw.contract.parts import Labels
    from clsfw.recipe.plan import Plan
    from clsfw.report.display import Display


def export_data(plan: Plan, directory: Path, kind: str, display: Display) -> Iterator[tuple[Path, int]]:
    """Write `train`, `validation` and `test` as CSV (labels by name) or Parquet, and give each file with its rows.

    Raises:
        HostError: a file cannot be written, or exists already.

    """
    data = prepare_data(plan, plan.data.build(), display)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, part in data.parts.items():
            file = directory / f"{name}.{kind}"
            if file.exists():
                raise HostError(f"{file} exists already; choose another folder or remove it")
            partial = file.with_suffix(file.suffix + ".partial")
            if kind == "parquet":
                part.to_parquet(partial)
            else:
                _write_csv(part, data.labels, partial)
            partial.replace(file)
            yield file, len(part)
    except OSError as exc:
        raise HostError(f"cannot write to {directory}: {exc.strerror or exc}") from exc


def _write_csv(data: Dataset, labels: Labels, file: Path) -> None:
    columns = list(data.column_names)
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write(csv_line(columns))
        for batch in data.iter(batch_size=1_000):
            names = [_names(given, labels) for given in batch["label"]]
            rows = zip(*(names if column == "label" else batch[column] for column in columns), strict=True)
            stream.writelines(map(csv_line, rows))


def _names(given: int | list[int], labels: Labels) -> str:
    return labels.names[given] if isinstance(given, int) else join_labels(labels.names[i] for i in given)
