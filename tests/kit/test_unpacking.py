"""A file is opened as plain bytes, whatever it is packed by; what is no file is refused by name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os

import pytest

from clsfw.errors import DataError
from clsfw.kit.unpacking import open_unpacked

TEXT = b"text,label\nfine,pos\n" * 100


@pytest.mark.parametrize("pack", [bytes, bz2.compress, gzip.compress, lzma.compress])
def test_the_content_is_that_of_the_plain_file(pack, tmp_path):
    (tmp_path / "file").write_bytes(pack(TEXT))

    with open_unpacked(tmp_path / "file", "texts") as stream:
        assert TEXT == stream.read()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "texts: no such file"),
        (lambda path: path.mkdir(), "texts: is a directory"),
        (os.mkfifo, "texts: is neither a file nor a directory"),
    ],
)
def test_what_is_no_file_is_refused_before_it_is_opened(make, words, tmp_path):
    make(tmp_path / "it")

    with pytest.raises(DataError, match=words):
        open_unpacked(tmp_path / "it", "texts")


@pytest.mark.parametrize("most", [len(TEXT) - 1, len(TEXT)])
def test_no_more_is_read_than_allowed(most, tmp_path):
    (tmp_path / "file").write_bytes(gzip.compress(TEXT))

    with open_unpacked(tmp_path / "file", "texts", most) as stream:
        if most < len(TEXT):
            with pytest.raises(DataError, match="texts: holds more than 1,999 bytes; raise max_bytes"):
                stream.read()
        else:
            assert TEXT == stream.read()
