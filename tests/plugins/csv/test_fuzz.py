"""Whatever happens to a file, reading it gives the rows that stand in it or one clear error."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import lzma
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from datasets import Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.reporting import Remembering

from clsfw.errors import DataError
from clsfw_csv import CsvSettings
from clsfw_csv.inputs import FoundFile
from clsfw_csv.table import write_tables

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = {"negative": "NEGATIVE", "positive": "POSITIVE"}
ROWS = 12

# The shared file is read only, and each example has a folder of its own.
fuzz = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def reviews(root: Path) -> bytes:
    """Give the first rows of the real reviews, or of the generated ones where those are absent."""
    real = root.parent / "shared" / "data" / "movie_reviews.csv.bz2"
    if real.is_file():
        with bz2.open(real, "rt", encoding="utf-8", newline="") as file:
            rows = list(itertools.islice(csv.reader(file), ROWS + 1))
    else:
        text = (root / "recipes" / "quickstart.csv").read_text(encoding="utf-8")
        rows = [row[:2] for row in csv.reader(text.splitlines()[: ROWS + 1])]
    out = io.StringIO()
    # Cut short, so that most mutations hit a border of fields; with all that CSV allows among them.
    odd = [['quoted "so", they say', "positive"], ["two\nlines", "negative"], ["naïve, «quoted»", "positive"]]
    csv.writer(out, lineterminator="\n").writerows([["text", "label"], *([r[0][:60], r[1]] for r in rows[1:]), *odd])
    return out.getvalue().encode()


def read(content: bytes, **options: Any) -> list[tuple[str, int]]:
    """Read without the cache, whose care for the disk takes most of the time."""
    with tempfile.TemporaryDirectory() as folder:
        path, table = Path(folder, "reviews.csv"), Path(folder, "data.arrow")
        path.write_bytes(content)
        found = {"": [FoundFile(path, "reviews.csv", "", (0, 0))]}
        write_tables(found, CsvSettings(source=str(path), **options), {"": table}, Remembering())
        data = Dataset.from_file(str(table), in_memory=True)
        return list(zip(data["text"], data["label"], strict=True))


def reference(content: bytes) -> list[tuple[str, int]]:
    """Read as Python's csv module does by default."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = next(row for row in rows if row)
    text, label = header.index("text"), header.index("label")
    return [(row[text], list(LABELS).index(row[label])) for row in rows if row]


# First the single characters that CSV and UTF-8 are made of.
NASTY = [bytes([byte]) for byte in b'",\n\r\0 \xff\xc3'] + [b"\r\n", b'""', b'","', b'"\n', b"\n\n", b"\xef\xbb\xbf"]
pieces = st.one_of(st.sampled_from(NASTY), st.binary(max_size=4))


@given(at=st.integers(0, 2000), cut=st.integers(0, 30), piece=pieces)
@fuzz
def test_a_mutation_is_refused_or_changes_no_other_row(reviews: bytes, at: int, cut: int, piece: bytes) -> None:
    start = at % (len(reviews) + 1)
    mutated = reviews[:start] + piece + reviews[start + cut :]
    good = reference(reviews)
    try:
        got = read(mutated, labels=LABELS)
    except DataError:
        return

    assert got == reference(mutated)
    whole_before = reviews[:start].count(b"\n") - 2  # the header, and the row that may hold a line end
    assert got[: max(whole_before, 0)] == good[: max(whole_before, 0)]
    hypothesis.event("read")
    if b'"' not in piece + reviews[start : start + cut]:
        whole_after = reviews[start + cut :].count(b"\n") - 2
        assert whole_after <= 0 or got[-whole_after:] == good[-whole_after:]


@given(content=st.binary(max_size=300), named=st.booleans())
@fuzz
def test_any_bytes_at_all_are_read_or_refused(content: bytes, named: bool) -> None:
    whole = b"text,label\n" + content if named else content
    try:
        got = read(whole)
    except DataError:
        return

    assert len(got) > 1


@pytest.mark.parametrize("compress", [bz2.compress, gzip.compress, lzma.compress])
@given(at=st.integers(0, 10_000), piece=st.binary(max_size=6), cut=st.integers(0, 6))
@settings(fuzz, max_examples=150)
def test_damaged_compression_is_refused_or_harmless(
    reviews: bytes, compress: Callable[[bytes], bytes], at: int, piece: bytes, cut: int
) -> None:
    packed = compress(reviews)
    start = at % (len(packed) + 1)
    try:
        got = read(packed[:start] + piece + packed[start + cut :], labels=LABELS)
    except DataError:
        return

    assert got == reference(reviews)


@given(
    encoding=st.sampled_from(["utf-7", "utf-16", "utf-8", "latin-1", "shift_jis"]),
    content=st.binary(),
)
@fuzz
def test_no_encoding_lets_anything_but_text_through(encoding: str, content: bytes) -> None:
    try:
        head, rows = "text,label\n".encode(encoding), "\na,b\nc,d\n".encode(encoding)
        got = read(head + b"x" + content + rows, encoding=encoding)
    except DataError:
        return

    assert [text.encode() for text, _ in got] != []
