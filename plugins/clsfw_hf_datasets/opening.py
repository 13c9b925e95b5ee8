"""Opens the splits of a data set that was saved here, and words what the library says."""

from __future__ import annotations

import gc
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from datasets import Dataset, load_from_disk

from clsfw import ClsfwError, DataError
from clsfw_hf_datasets import READERS

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


def open_saved(settings: HfDatasetSettings, name: str) -> Opened:
    """Open a folder that the `datasets` library saved, or an Arrow file out of it; nothing is copied.

    Raises:
        DataError: there is no such thing, or it is for another data source.

    """
    path = Path(settings.path)
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        given = load_from_disk(str(path))
        return Opened(given if isinstance(given, datasets.DatasetDict) else {"train": given}, {})
    if path.is_file() and path.suffix.lower() == ".arrow":
        return Opened({"train": Dataset.from_file(str(path))}, {})
    inside = sorted(path.rglob("*")) if path.is_dir() else [path]
    reader = next((READERS[s.lower()] for file in inside for s in file.suffixes if s.lower() in READERS), None)
    if path.exists() and reader is not None:
        files = "the file" if path.is_file() else "its files"
        raise DataError(f"{name}: Dataset.save_to_disk did not write it; read {files} by use = {reader!r} with source")
    if not path.exists():
        other = f"; files of rows are read by use = {reader!r} with source" if reader is not None else ""
        raise DataError(f"{name}: no such file or folder{other}")
    raise DataError(f"{name}: is not a data set that Dataset.save_to_disk wrote")
