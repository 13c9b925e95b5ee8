"""What every exporter must do, tried with a small model that fits it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import ContractError, ModelError
from clsfw.testing.harness import Listener, create
from clsfw.testing.samples import ODD_TEXTS, TWO, toy_splits
from clsfw.testing.surroundings import no_network, require_left_alone

if TYPE_CHECKING:
    from clsfw.contract.parts import Exporter, Prediction
    from clsfw.testing.subject import Subject

_TEXTS = ("good words", *ODD_TEXTS)


def what_it_exports_predicts(subject: Subject[Exporter]) -> None:
    """It exports a model that fits it, and predicts texts of any length, and none at all, each at its own place."""
    given, turned, _ = _predicted(subject, _TEXTS, _TEXTS[::-1], ())
    if not np.allclose(given.probabilities, turned.probabilities[::-1], atol=0.1):
        raise ContractError(f"{subject}: texts in another order get other predictions; put them back in their order")


def damage_is_a_model_error(subject: Subject[Exporter]) -> None:
    """An empty folder is refused with a `ModelError`."""
    with TemporaryDirectory(prefix="clsfw-") as folder:
        try:
            subject.build().load(Path(folder), TWO)
        except ModelError:
            return
        except Exception as exc:  # whatever it is, it is not the error that is asked for
            raise ContractError(f"{subject}: load of an empty folder must raise ModelError, not this: {exc}") from exc
    raise ContractError(f"{subject}: load takes an empty folder for a model; raise ModelError")


def works_offline(subject: Subject[Exporter]) -> None:
    """It needs no network."""
    with no_network():
        _predicted(subject, _TEXTS)


def leaves_surroundings_alone(subject: Subject[Exporter]) -> None:
    """Exporting and predicting change neither the working directory nor global random numbers."""
    require_left_alone(subject, lambda: _predicted(subject, _TEXTS))


def _predicted(subject: Subject[Exporter], *tried: tuple[str, ...]) -> list[Prediction]:
    """Export once, and predict each of several lists of texts."""
    if subject.partner is None:
        raise ContractError(f"{subject}: no installed model fits it; give settings for one, as [model.NAME]")
    exporter: Any = subject.build()
    data = toy_splits(TWO)
    classifier = create(subject.partner, TWO, data)
    with TemporaryDirectory(prefix="clsfw-") as folder:
        exporter.export(classifier, Path(folder), list(data["train"]["text"]), Listener())
        opened = exporter.load(Path(folder), TWO)
        return [exporter.predict(opened, list(texts), TWO, Listener()) for texts in tried]


CHECKS = (
    what_it_exports_predicts,
    damage_is_a_model_error,
    works_offline,
    leaves_surroundings_alone,
)
