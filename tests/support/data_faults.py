"""Bad data files, one per fault, with what the answer must say: numbers are those of the catalogue of bad input."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

GOOD = b"text,label\nfine film,pos\ndull film,neg\nlovely,pos\nboring,neg\n"
DECLARED = {"neg": "NEGATIVE", "pos": "POSITIVE"}


@dataclass(frozen=True)
class DataFault:
    """A file that must be refused by the data source `csv`."""

    number: int
    name: str
    content: bytes
    says: tuple[str, ...]
    """Words of the message, in any order."""
    line: int | None = None
    file: str = "reviews.csv"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """How the message begins, behind the folder."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.number}-{self.name}"


def _zipped() -> bytes:
    with BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("reviews.csv", GOOD)
        return file.getvalue()


def _changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


_RANDOM_ROWS = b"".join(b"%d %d,%s\n" % (n, n * n * 7919 % 65537, b"pos" if n % 2 else b"neg") for n in range(3000))
_LONG = b"text,label\n" + _RANDOM_ROWS
_NUMBERS = b"text,label\n" + b"".join(b"film %d,%d.5\n" % (n, n) for n in range(1200))

DATA_FAULTS = (
    DataFault(53, "empty", b"", ("is empty",)),
    DataFault(53, "only-blank-lines", b"\n\r\n\n", ("is empty",)),
    DataFault(53, "header-only", b"text,label\n", ("header", "no rows")),
    DataFault(
        54,
        "column-missing",
        b"txt,label\na,pos\n",
        ("no column 'text'", "did you mean text_column = 'txt'", "'txt', 'label'"),
        1,
    ),
    DataFault(
        54,
        "pair-column-missing",
        b"text,replay,label\na,b,pos\n",
        ("no column 'reply'", "did you mean text_pair_column = 'replay'", "'text', 'replay', 'label'"),
        1,
        settings={"text_pair_column": "reply"},
    ),
    DataFault(
        54,
        "pair-blank",
        b"text,reply,label\na,b,pos\nc, ,neg\n",
        ("the text in column 'reply' is blank",),
        3,
        settings={"text_pair_column": "reply"},
    ),
    DataFault(54, "column-case", b"Text,label\na,pos\n", ("did you mean text_column = 'Text'",), 1),
    DataFault(
        54, "second-mark", b"\xef\xbb\xbf\xef\xbb\xbftext,label\na,pos\n", ("no column 'text'", r"'\ufefftext'"), 1
    ),
    DataFault(54, "both-missing", b"a,b\nx,y\n", ("no column 'text' and no column 'label'", "columns are 'a', 'b'"), 1),
    DataFault(
        54,
        "no-header",
        b"fine film,pos\ndull,neg\n",
        ("header line seems to be missing",),
        1,
        settings={"labels": DECLARED},
    ),
    DataFault(55, "duplicate-header", b"text,label,text\na,pos,b\n", ("the column 'text' twice",), 1),
    DataFault(
        56,
        "too-many-fields",
        b"text,label\nfine,pos\none, two,neg\ndull,neg\na,b,c,neg\n",
        ("3 fields where the header has 2", "quote texts that hold ','", "2 rows in all"),
        3,
    ),
    DataFault(56, "too-few-fields", b"text,label\nfine,pos\ndull\n", ("1 field where the header has 2",), 3),
    DataFault(57, "quote-to-the-end", b'text,label\nfine,pos\n"dull,neg\nbad,neg\nworse,neg\n', ("never closed",), 3),
    DataFault(
        57,
        "quote-to-the-next",
        b'text,label\n"dull,neg\n"good film",pos\n',
        ("text after the closing quote", "closes on line 3"),
        2,
    ),
    DataFault(
        57,
        "quote-in-a-later-field",
        b'label,text,note\npos,"two\nlines","open\nmore\n',
        ("never closed",),
        3,
    ),
    DataFault(58, "text-after-quote", b'text,label\nfine,pos\n"a" b,neg\n', ("text after the closing quote",), 3),
    DataFault(58, "single-quote-inside", b'text,label\n"the "best" film",pos\n', ('not written as ""',), 2),
    DataFault(59, "nul", b"text,label\nfine,pos\ndu\0ll,neg\n", ("NUL byte",), 3),
    DataFault(
        60,
        "field-too-long",
        b'text,label\nfine,pos\n"' + b"never closed by anybody\n" * 700_000,
        ("16,777,216 characters",),
        3,
    ),
    DataFault(60, "line-too-long", b"x" * 17_000_000, ("a line of more than 16,777,216 characters",), 1),
    DataFault(
        61,
        "latin-1",
        b"text,label\nfine,pos\ncaf\xe9,neg\n",
        ("byte 0xe9 at offset 23 is not utf-8", 'encoding = "latin-1"'),
        3,
    ),
    DataFault(61, "cp1252", b"text,label\n\x93fine\x94,pos\n", ("byte 0x93 at offset 11", 'encoding = "cp1252"'), 2),
    DataFault(61, "utf-16", GOOD.decode().encode("utf-16"), ("offset 0", "UTF-16", 'encoding = "utf-16"'), 1),
    DataFault(61, "utf-16-le", GOOD.decode().encode("utf-16-le"), ("offset 1", 'encoding = "utf-16-le"'), 1),
    DataFault(61, "utf-16-be", GOOD.decode().encode("utf-16-be"), ("offset 0", 'encoding = "utf-16-be"'), 1),
    DataFault(61, "cut-in-a-letter", b"text,label\nfine,pos\ndull,neg\xc3", ("byte 0xc3 at offset 28",), 3),
    DataFault(
        61,
        "no-mark",
        GOOD.decode().encode("ascii"),
        ("is not utf-32 text", 'encoding = "utf-8"'),
        1,
        settings={"encoding": "utf-32"},
    ),
    DataFault(61, "no-utf-16", GOOD, ("is not utf-16 text", 'encoding = "utf-8"'), 1, settings={"encoding": "utf-16"}),
    DataFault(62, "bare-cr", b"text,label\nfine,pos\nend\rless,neg\n", ("bare carriage return",), 3),
    DataFault(63, "semicolon", GOOD.replace(b",", b";"), ("separated by ';'", 'delimiter = ";"'), 1),
    DataFault(63, "tab", GOOD.replace(b",", b"\t"), ("separated by '\\t'", 'delimiter = "\\t"'), 1),
    DataFault(
        65, "empty-text", b"text,label\nfine,pos\n,neg\n  ,neg\n", ("blank", 'empty_text = "drop"', "2 rows in all"), 3
    ),
    DataFault(
        65, "all-dropped", b"text,label\n,pos\n \t,neg\n", ("all 2 texts are blank",), settings={"empty_text": "drop"}
    ),
    DataFault(
        66, "missing-label", b"text,label\nfine,pos\ndull,\nbad, \n", ("no label in column 'label'", "2 rows in all"), 3
    ),
    DataFault(
        67,
        "undeclared-case",
        b"text,label\nfine,pos\ndull,neg\nlovely,Pos\ngood,Pos\n",
        ("label 'Pos' is not among the declared 'neg', 'pos'", "did you mean 'pos'", "2 rows in all"),
        4,
        settings={"labels": DECLARED},
    ),
    DataFault(
        67,
        "undeclared-space",
        b"text,label\nfine, pos\ndull,neg\n",
        ("label ' pos'", "did you mean 'pos'"),
        2,
        settings={"labels": DECLARED},
    ),
    DataFault(
        67,
        "undeclared-typo",
        b"text,label\nfine,positve\ndull,neg\nx,meh\n",
        ("label 'positve'", "did you mean 'positive'", "reviews.csv:4: label 'meh'"),
        2,
        settings={"labels": {"neg": "NEGATIVE", "positive": "POSITIVE"}},
    ),
    DataFault(68, "one-class", b"text,label\nfine,pos\ngood,pos\n", ("all 2 rows have the label 'pos'", "two classes")),
    DataFault(
        68,
        "sorted-file",
        b"text,label\nfine,pos\ngood,pos\ndull,neg\n",
        ("label 'pos'", "sorted by label"),
        settings={"rows": 2, "labels": DECLARED},
    ),
    DataFault(71, "too-few-rows", GOOD, ("rows = 5", "only 4"), settings={"rows": 5}),
    DataFault(74, "float-and-integer", b"text,label\na,1\nb,0\nc,1.0\n", ("'1' and '1.0'", "look like one")),
    DataFault(74, "truth-and-integer", b"text,label\na,1\nb,0\nc,True\n", ("'1' and 'True'", "look like one")),
    DataFault(75, "not-bz2", GOOD, ("is named .bz2", "not bz2 data"), file="reviews.csv.bz2"),
    DataFault(75, "bz2-cut", bz2.compress(_LONG)[:-9], ("ends too early", "cut off"), file="reviews.csv.bz2"),
    DataFault(75, "gzip-cut", gzip.compress(_LONG)[:-9], ("ends too early", "cut off"), file="reviews.csv.gz"),
    DataFault(75, "xz-cut", lzma.compress(_LONG)[:-9], ("ends too early", "cut off"), file="reviews.csv.xz"),
    DataFault(75, "bz2-damaged", _changed(bz2.compress(_LONG), 5000), ("bz2 data is damaged",), file="reviews.csv.bz2"),
    DataFault(75, "gzip-damaged", _changed(gzip.compress(_LONG), -6), ("gzip data is damaged",), file="reviews.csv.gz"),
    DataFault(75, "xz-damaged", _changed(lzma.compress(_LONG), 2000), ("xz data is damaged",), file="reviews.csv.xz"),
    DataFault(75, "bz2-garbage", bz2.compress(GOOD) + b"xyz", ("something else follows",), file="reviews.csv.bz2"),
    DataFault(75, "gzip-garbage", gzip.compress(GOOD) + b"\0\0xyz", ("something else follows",), file="reviews.csv.gz"),
    DataFault(
        75,
        "bomb",
        bz2.compress(b"text,label\n" + b"a,pos\nb,neg\n" * 500_000),
        ("more than 1,000,000 bytes", "max_bytes"),
        file="reviews.csv.bz2",
        settings={"max_bytes": 1_000_000},
    ),
    DataFault(75, "zip-as-bz2", _zipped(), ("is a zip archive",), file="reviews.csv.bz2"),
    DataFault(75, "zstd", b"\x28\xb5\x2f\xfd" + b"\0" * 20, ("zstd",), file="reviews.csv.zst"),
    DataFault(75, "parquet", b"PAR1" + b"\0" * 20, ("Parquet", "use = 'parquet'"), file="reviews.parquet"),
    DataFault(75, "lfs-pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", ("git lfs pull",)),
    DataFault(76, "wrong-hash", GOOD, ("but the recipe pins " + "0" * 64,), settings={"sha256": "0" * 64}),
    DataFault(76, "web-page", b"\n<!DOCTYPE html>\n<html>", ("web page (HTML)",)),
    DataFault(79, "numbers", _NUMBERS, ("more than 1000 different values", "number column")),
)
