"""Opens the splits of a data set, local or on the hub, as something to iterate over."""

from __future__ import annotations

import difflib
import gc
import glob
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from datasets import load_dataset_builder, load_from_disk
from datasets.packaged_modules.csv.csv import CsvConfig

from clsfw import ClsfwError, DataError
from clsfw_hf_datasets import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clsfw_hf_datasets import HfDatasetSettings


@dataclass(frozen=True)
class Opened:
    """The splits by their own names, and what is known of where they came from."""

    parts: Mapping[str, Any]
    origin: Mapping[str, str]


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn whatever the `datasets` library and its parsers raise into one line, and keep them from printing.

    Raises:
        DataError: they raised.

    """
    level, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity(logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            # So pandas warns where it is about to lose fields.
            warnings.filterwarnings("error", message="Length of header or names does not match")
            # Where it stops early, the library leaves files open, for the collector below to close.
            warnings.simplefilter("ignore", ResourceWarning)
            yield
            gc.collect()
    except (ClsfwError, MemoryError):
        raise
    except Exception as exc:
        # Each format has its own parser, and each parser its own errors.
        raise DataError(f"{name}: cannot be read: {one_line(exc)}") from exc
    finally:
        datasets.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()


def one_line(exc: BaseException, longest: int = 300) -> str:
    """Return the innermost reason in one line."""
    while exc.__cause__ is not None and isinstance(exc, datasets.exceptions.DatasetGenerationError):
        exc = exc.__cause__
    text = " ".join(str(exc).split()) or type(exc).__name__
    return text if len(text) <= longest else f"{text[:longest]}..."


def open_local(settings: HfDatasetSettings, name: str) -> Opened:
    """Open a file, a folder or a pattern; nothing is copied, and no more is read than is asked for.

    Raises:
        DataError: there is no such thing, or it is no data.

    """
    path = Path(settings.path)
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        given = load_from_disk(str(path))
        return Opened(given if isinstance(given, datasets.DatasetDict) else {"train": given}, {})
    if path.is_dir():
        if not any(FORMATS.keys() & set(file.suffixes) for file in path.rglob("*")):
            raise DataError(f"{name}: holds no file that ends in {', '.join(FORMATS)}")
        builder = load_dataset_builder(str(path), settings.name)
    else:
        builder = load_dataset_builder(_format(path, name), settings.name, data_files=_files(path, name))
    if isinstance(builder.config, CsvConfig):
        # Left to itself, pandas makes nothing of the text "NA", and of a surplus field an index that shifts the rest.
        builder.config.keep_default_na = False
        builder.config.index_col = False
    return Opened(builder.as_streaming_dataset(), {})


def _format(path: Path, name: str) -> str:
    known = [FORMATS[suffix.lower()] for suffix in path.suffixes if suffix.lower() in FORMATS]
    if not known:
        raise DataError(f"{name}: is no format that is read here; files end in {', '.join(FORMATS)}")
    return known[-1]


def _files(path: Path, name: str) -> str:
    if path.is_file():
        return glob.escape(str(path))
    if glob.has_magic(str(path)):
        if not glob.glob(str(path), recursive=True):  # noqa: PTH207  # pathlib has no absolute patterns
            raise DataError(f"{name}: no file matches this pattern")
        return str(path)
    near = difflib.get_close_matches(path.name, [child.name for child in path.parent.glob("*")], n=1)
    raise DataError(f"{name}: no such file{f'; did you mean {near[0]!r}?' if near else ''}")
