"""Puts checks together: of one component, or of every component of an installed plugin."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.contract.component import KINDS, Component, Kind, Settings
from clsfw.discovery.blame import describe
from clsfw.discovery.plugins import discover
from clsfw.errors import ContractError, PluginError, UsageError
from clsfw.testing import (
    data_checks,
    executor_checks,
    exporter_checks,
    import_checks,
    metric_checks,
    model_checks,
    searcher_checks,
    settings_checks,
    trainer_checks,
    watcher_checks,
)
from clsfw.testing.partners import model_for, trainer_for
from clsfw.testing.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from clsfw.contract.parts import DataSource, Metric, Model, Searcher, Trainer, Watcher
    from clsfw.discovery.plugins import Plugin, Plugins
    from clsfw.testing.partners import Examples, Values

_OF_KIND: Mapping[Kind, tuple[Callable[[Any], None], ...]] = {
    "data": data_checks.CHECKS,
    "model": model_checks.CHECKS,
    "trainer": trainer_checks.CHECKS,
    "metric": metric_checks.CHECKS,
    "watcher": watcher_checks.CHECKS,
    "searcher": searcher_checks.CHECKS,
    "exporter": exporter_checks.CHECKS,
    "executor": executor_checks.CHECKS,
}


@dataclass(frozen=True)
class Check:
    """One thing that a component must do; call it to try."""

    subject: Any
    function: Callable[[Any], None]
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The name, as in `same-seed-same-bits`."""
        return self.function.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        """What is demanded, in a sentence."""
        return (self.function.__doc__ or "").strip().splitlines()[0]

    def __str__(self) -> str:
        """Name the check and what it looks at."""
        return f"{self.subject}: {self.name}"

    def __call__(self) -> None:
        """Try it.

        Raises:
            ContractError: the component breaks the contract, or raised something where it should have worked.

        """
        try:
            self.function(self.subject)
        except (ContractError, KeyboardInterrupt):
            raise
        except PluginError as exc:
            raise ContractError(self._told(exc)) from exc
        except BaseException as exc:
            raise ContractError(f"{self.subject}: {self.name}: {describe(exc, self.folder)}") from exc

    def _told(self, exc: PluginError) -> str:
        """Say of an error what is not said beside it already, namely whose plugin it is."""
        owner = self.subject.owner if isinstance(self.subject, Subject) else self.subject
        words = str(exc).replace(f"{owner}: ", "").replace(f"{owner} ", "it ")
        if exc.__cause__ is not None:
            words = f"{self.name}: {words}"
        return words if words.startswith(str(self.subject)) else f"{self.subject}: {words}"


def checks(name: str, settings: Examples | Path | str | None = None) -> list[Check]:
    """Return every check of an installed plugin, by its name or its distribution's.

    `settings` holds what to try components with, as a recipe writes it: `{"model": {"my-model": {"words": 10}}}`, or
    a TOML file with such tables, at whose folder relative paths start. A component without an entry takes its defaults.

    Raises:
        UsageError: no such plugin is installed, or `settings` cannot be read or names a component that no plugin has.
        ContractError: the plugin is broken.

    """
    plugins = discover()
    found = [p for p in plugins.all if name in (p.name, p.distribution)]
    if not found:
        raise UsageError(f"no installed plugin is called {name!r}; there are: {', '.join(p.name for p in plugins.all)}")
    folder = Path(settings).resolve().parent if isinstance(settings, (str, Path)) else Path.cwd()
    examples = _read(Path(settings)) if isinstance(settings, (str, Path)) else settings or {}
    known = {(kind, c.name) for p in plugins.all for kind, components in p.components.items() for c in components}
    for kind, named in examples.items():
        for component in named:
            if (kind, component) not in known:
                raise UsageError(f"settings for {kind} {component!r}, but no installed plugin has it")
    return [check for plugin in found for check in _of_plugin(plugin, plugins, examples, folder)]


def _read(file: Path) -> Examples:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise UsageError(f"{file}: there is no such file of settings") from exc
    except (OSError, ValueError) as exc:
        raise UsageError(f"{file}: cannot be read as TOML: {exc}") from exc
    for kind, named in tables.items():
        if kind not in KINDS or not isinstance(named, dict) or not all(isinstance(v, dict) for v in named.values()):
            raise UsageError(f"{file}: {kind!r} does not fit; write a table for each component, such as [model.NAME]")
    return tables


def _of_plugin(plugin: Plugin, plugins: Plugins, given: Examples, folder: Path) -> Iterator[Check]:
    if plugin.state != "ok":
        raise ContractError(f"{plugin} is {plugin.state}: {plugin.reason}")
    subjects: list[Subject[Any]] = [
        Subject(kind, component, given.get(kind, {}).get(component.name, {}), folder, plugin=plugin)
        for kind in KINDS
        for component in plugin.components.get(kind, ())
    ]
    yield from _all(plugin, import_checks.CHECKS, plugin)
    for subject in subjects:
        yield from _all(plugin, settings_checks.CHECKS, subject)
        if not settings_checks.fit(subject):
            continue  # one failed check says so; every other would only say it again
        if subject.kind == "model":
            yield from _all(plugin, model_checks.CHECKS, subject.beside(trainer_for(subject, plugin, plugins, given)))
        elif subject.kind in ("trainer", "exporter"):
            yield from _all(plugin, _OF_KIND[subject.kind], subject.beside(model_for(subject, plugin, plugins, given)))
        else:
            yield from _all(plugin, _OF_KIND[subject.kind], subject)


def _all(plugin: Plugin, functions: Iterable[Callable[[Any], None]], subject: object) -> Iterator[Check]:
    return (Check(subject, function, plugin.folder) for function in functions)


def check_settings(component: Component[Any], settings: Values | None = None) -> None:
    """Check that settings are described and strict.

    Raises:
        ContractError: all that is wrong.

    """
    _try_all(Check(_subject("data", component, settings), function) for function in settings_checks.CHECKS)


def check_light_import(plugin: str) -> None:
    """Check that finding an installed plugin imports no heavy library.

    Raises:
        ContractError: it does, or it prints, or it is broken.

    """
    found = discover().named(plugin)
    if found is None:
        raise ContractError(f"no installed plugin is called {plugin!r}")
    _try_all(Check(found, function, found.folder) for function in import_checks.CHECKS)


def check_data_source(component: Component[DataSource], settings: Values | None = None) -> None:
    """Check a data source.

    Raises:
        ContractError: all that is wrong.

    """
    _check(_subject("data", component, settings))


def check_model(component: Component[Model], settings: Values | None = None, *, trainer: Any) -> None:
    """Check a model together with a trainer that can train it: a component with defaults, or a trainer.

    Raises:
        ContractError: all that is wrong.

    """
    _check(_subject("model", component, settings).beside(_partner("trainer", trainer)))


def check_trainer(component: Component[Trainer[Any]], settings: Values | None = None, *, model: Any) -> None:
    """Check a trainer together with a model that it can train: a component with defaults, or a model.

    Raises:
        ContractError: all that is wrong.

    """
    _check(_subject("trainer", component, settings).beside(_partner("model", model)))


def check_metric(component: Component[Metric], settings: Values | None = None) -> None:
    """Check a metric.

    Raises:
        ContractError: all that is wrong.

    """
    _check(_subject("metric", component, settings))


def check_watcher(component: Component[Watcher], settings: Values | None = None) -> None:
    """Check a watcher on small runs.

    Raises:
        ContractError: all that is wrong.

    """
    _check(_subject("watcher", component, settings))


def check_searcher(component: Component[Searcher], settings: Values | None = None) -> None:
    """Check a searcher on spaces of every kind.

    Raises:
        ContractError: all that is wrong.

    """
    _check(_subject("searcher", component, settings))


def _subject(kind: Kind, component: Component[Any], settings: Values | None) -> Subject[Any]:
    return Subject(kind, component, settings or {})


def _partner(kind: Kind, given: Any) -> Subject[Any]:
    if isinstance(given, Component):
        return Subject(kind, given)
    name = type(given).__name__.lower()
    return Subject(kind, Component(name=name, summary=name, settings=Settings, build=lambda _: given))


def _check(subject: Subject[Any]) -> None:
    functions = (*settings_checks.CHECKS, *_OF_KIND[subject.kind])
    _try_all(Check(subject, function) for function in functions)


def _try_all(tried: Iterable[Check]) -> None:
    """Try each; raise what failed as one error."""
    failures = []
    for check in tried:
        try:
            check()
        except ContractError as exc:
            failures.append(str(exc))
    if failures:
        raise ContractError("\n".join(failures))
