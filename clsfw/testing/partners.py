"""Finds the trainer that a model is tried with, and the model that a trainer is tried with."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clsfw.contract.component import Component, Kind, Settings
from clsfw.testing.harness import create
from clsfw.testing.samples import TWO, toy_splits
from clsfw.testing.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clsfw.discovery.plugins import Plugin, Plugins

    Values = Mapping[str, Any]
    Examples = Mapping[str, Mapping[str, Values]]  # by kind and component


def trainer_for(model: Subject[Any], owner: Plugin, plugins: Plugins, given: Examples) -> Subject[Any] | None:
    """Return the first trainer that can train a model: the plugin's own, then any that is installed."""
    owners = [owner, *(p for p in plugins.all if p is not owner)]
    with suppress(Exception):  # the checks of the model will tell of it
        classifier = create(model, TWO, toy_splits(TWO))
        for trainer in _candidates("trainer", model, owners, given):
            with suppress(Exception):  # it cannot be tried with these settings; look at the next one
                if trainer.build().fits(classifier):
                    return trainer
    return None


def model_for(part: Subject[Any], owner: Plugin, plugins: Plugins, given: Examples) -> Subject[Any] | None:
    """Return the first model that fits a trainer or exporter: the plugin's own, the kit's, then any that is installed.

    For an exporter, those that settings are given for come before the kit's: it may need files that those do not have.
    """
    own = list(_candidates("model", part, [owner], given))
    others = list(_candidates("model", part, [p for p in plugins.all if p is not owner], given))
    chosen = [model for model in others if model.values] if part.kind == "exporter" else []
    for model in (*own, *chosen, *_kit_models(), *others):
        with suppress(Exception):  # it cannot be tried with these settings; look at the next one
            if part.build().fits(create(model, TWO, toy_splits(TWO))):
                return model
    return None


def _candidates(kind: Kind, beside: Subject[Any], owners: Iterable[Plugin], given: Examples) -> Iterator[Subject[Any]]:
    for plugin in owners:
        if plugin.state == "ok":
            for component in plugin.components.get(kind, ()):
                yield Subject(
                    kind, component, given.get(kind, {}).get(component.name, {}), beside.folder, plugin=plugin
                )


def _kit_models() -> Iterator[Subject[Any]]:
    for name, build in (("toy-model", _toy), ("tiny-encoder", _tiny)):
        yield Subject("model", Component(name=name, summary="of clsfw.testing", settings=Settings, build=build))


def _toy(_: Settings) -> Any:
    from clsfw.testing.toys import ToyModel

    return ToyModel()


def _tiny(_: Settings) -> Any:
    from clsfw.testing.encoder import TinyEncoder

    return TinyEncoder()
