"""A run to label with, and folders of files in every format, with texts that are hard to cut."""

from __future__ import annotations

import csv
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clsfw.bulk.predict_folder import predict_folder
from clsfw.bulk.task import Asked

WORDS = ["good", "bad", "dull", "fine", "awful", "great", "film", "plot", "the", "a", "of"]


def make_texts(count, seed=0):
    rng = random.Random(seed)
    odd = ["", "two\nlines", 'said "no", twice', "=1+1", "snow \N{SNOWMAN}", "a\r\nb", " "]
    return [
        odd[i % 31] if i % 31 < len(odd) else " ".join(rng.choices(WORDS, k=rng.randint(1, 30))) for i in range(count)
    ]


def write_rows(path, rows):
    """Write rows as the name of the file says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=37)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def read_rows(path):
    """Read rows back, as what is the same in each format."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def parts(folder):
    return sorted(folder.glob("part-*"))


def contents(folder):
    """Give the name and content of every file that a folder of parts holds."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def three(tmp_path):
    """Give a function that writes three files of 100, 1 and 60 rows."""

    def make(kind):
        folder = tmp_path / "in"
        folder.mkdir()
        texts = make_texts(161)
        rows = [{"id": i, "text": text} for i, text in enumerate(texts)]
        for name, some in (("a", rows[:100]), ("b", rows[100:101]), ("c", rows[101:])):
            write_rows(folder / f"{name}.{kind}", some)
        return folder, rows

    return make


@pytest.fixture
def label(baseline, reporter, tmp_path):
    """Give a function that labels into a folder of parts of about 1 KiB."""

    def call(source, target=None, run=None, **options):
        options = {"part_bytes": 1024, **options}
        target = f"{tmp_path / 'out'}/" if target is None else str(target)
        return predict_folder(Asked(str(run or baseline.directory), str(source), target, **options), reporter)

    return call
