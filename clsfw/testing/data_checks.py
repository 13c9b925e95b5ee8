"""The contract of data sources."""

from __future__ import annotations

from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from clsfw.errors import ContractError, DataError, NetworkError
from clsfw.kit.data import check_rows, labels_of, parts_of
from clsfw.kit.pairs import fingerprint
from clsfw.recipe.resolving import may_be_local
from clsfw.testing.harness import Listener
from clsfw.testing.surroundings import no_network, require_left_alone

if TYPE_CHECKING:
    from datasets import Dataset

    from clsfw.contract.parts import DataSource
    from clsfw.testing.subject import Subject


def gives_texts_and_labels(subject: Subject[DataSource]) -> None:
    """The columns `text` and `label` are there, of the right kinds, with named classes, and no value is missing."""
    for name, data in _parts(subject).items():
        if len(data) == 0:
            raise ContractError(f"{subject}: {name} has no row")
        plain = data.remove_columns("row") if "row" in data.column_names else data
        check_rows(plain, labels_of(data, subject), subject)


def same_rows_every_time(subject: Subject[DataSource]) -> None:
    """Loading twice gives the same rows in the same order."""
    first, second = ({name: fingerprint(data) for name, data in _parts(subject).items()} for _ in range(2))
    if first != second:
        raise ContractError(f"{subject}: loading twice gives different rows; sort, or draw from a seed of the settings")


def names_its_splits(subject: Subject[DataSource]) -> None:
    """Splits, where it gives some, are called train, validation and test, and share their columns and classes."""
    _parts(subject)


def numbers_its_rows(subject: Subject[DataSource]) -> None:
    """A column `row`, where it gives one, holds each row's own number in the source, from 0."""
    for data in _parts(subject).values():
        check_rows(data, labels_of(data, subject), subject)


def says_what_is_missing(subject: Subject[DataSource]) -> None:
    """Where a setting is a path, a file that is not there is a `DataError` with that path in it."""
    fields = subject.component.settings.model_fields
    for name, field in fields.items():
        if not isinstance(subject.values.get(name), str) or not may_be_local(field):
            continue
        with TemporaryDirectory(prefix="clsfw-") as folder:
            nowhere = f"{folder}/nowhere.csv"
            try:
                subject.build_with({**subject.values, name: nowhere}).load(Listener())
            except (DataError, NetworkError) as exc:
                if "nowhere.csv" in str(exc):
                    continue
                raise ContractError(f"{subject}: the error for a missing {name} does not name the file: {exc}") from exc
            except Exception as exc:
                raise ContractError(
                    f"{subject}: a missing {name} must be a DataError, not {subject.told(exc)}"
                ) from exc
            raise ContractError(f"{subject}: a missing {name} is not noticed; raise DataError")


def works_offline(subject: Subject[DataSource]) -> None:
    """With the settings to try it with, it needs no network."""
    with no_network():
        _load(subject)


def leaves_surroundings_alone(subject: Subject[DataSource]) -> None:
    """Loading changes neither the working directory nor global random numbers."""
    require_left_alone(subject, lambda: _load(subject))


def _load(subject: Subject[DataSource]) -> Any:
    return subject.build().load(Listener())


def _parts(subject: Subject[DataSource]) -> dict[str, Dataset]:
    given = _load(subject)
    labels_of(given, subject)
    parts = parts_of(given, subject)
    return parts if isinstance(given, Mapping) else {"the data": parts["train"]}


CHECKS = (
    gives_texts_and_labels,
    same_rows_every_time,
    names_its_splits,
    numbers_its_rows,
    says_what_is_missing,
    works_offline,
    leaves_surroundings_alone,
)
