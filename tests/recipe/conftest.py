"""Plugins for the tests of recipes: the bundled ones, and small fakes that come with a fault where one is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import pytest
from pydantic import Field, field_validator, model_validator

from clsfw.contract.component import Component, PathOrHubId, PathOrUrl, RecipePath, Settings
from clsfw.discovery.plugins import Plugin, Plugins, discover

FAKE = """\
schema = 1
name = "fake"

[data]
use = "texts"
source = "texts.csv"

[model]
use = "bag"

[trainer]
use = "count"

[[metrics]]
use = "hits"
"""


class Texts(Settings):
    source: PathOrUrl = Field(description="where the texts are")
    sha256: str | None = None
    more: list[RecipePath] = Field(default_factory=list)
    rows: Annotated[int, Field(ge=1)] | None = None


class Cloud(Settings):
    bucket: str = Field(description="where the texts are")
    rows: int | None = None


class Inner(Settings):
    vocabulary: RecipePath | None = None
    size: int = Field(default=5, ge=1, description="how many")


class Bag(Settings):
    checkpoint: PathOrHubId | None = None
    inner: Inner | None = None
    extra: dict[str, int] = Field(default_factory=dict)
    weights: tuple[float, ...] = ()

    @field_validator("extra")
    @classmethod
    def _fail(cls, value: dict[str, int]) -> dict[str, int]:
        return {key: 100 // number for key, number in value.items()}

    @model_validator(mode="after")
    def _one(self) -> Bag:
        if self.checkpoint and self.inner:
            raise ValueError("give either checkpoint or inner")
        return self


class Count(Settings):
    steps: int = Field(default=3, ge=1, description="how often")
    watch: str | None = None
    lr: float = Field(default=0.5, alias="C", description="under a name of its own")

    def check_plan(self, facts):
        if self.watch == "crash":
            raise KeyError("watch")
        if self.watch is not None and self.watch not in facts.scores:
            yield "watch", f"no score {self.watch!r}, only {sorted(facts.scores)}"
        if facts.expected_steps and max(facts.expected_steps) > self.steps:
            yield "steps", f"there is no step {max(facts.expected_steps)}"
        if facts.labels is not None and len(facts.labels.names) > self.steps:
            yield ("steps" if self.watch is None else ""), f"too few for {len(facts.labels.names)} labels"
        if "validation" not in facts.splits:
            yield "", "it cannot do without a validation split"


class Hits(Settings):
    prefix: str = ""
    sure: bool = True

    def score_names(self):
        return {f"{self.prefix}hits": True} if self.sure else {}


class Peep(Settings):
    times: int = 1


def component(name, settings, build=lambda settings: settings):
    return Component(name=name, summary=f"the {name} of the tests", settings=settings, build=build)


def plugin(name, state="ok", reason=None, **components):
    return Plugin(name, f"acme-{name}", "1.2", state, reason, {kind: tuple(made) for kind, made in components.items()})


@pytest.fixture(scope="session")
def bundled():
    """Give the installed plugins; their packages import nothing heavy."""
    return discover()


@pytest.fixture
def fakes():
    """Give five small plugins."""
    return Plugins(
        (
            plugin("bags", model=[component("bag", Bag), component("sack", Bag)]),
            plugin("counters", trainer=[component("count", Count)]),
            plugin("hitters", metric=[component("hits", Hits)]),
            plugin("peepers", watcher=[component("peep", Peep)]),
            plugin("readers", data=[component("texts", Texts), component("cloud", Cloud)]),
        )
    )


@pytest.fixture
def set_aside(fakes):
    """Give the plugins with one of them in another state."""

    def set_aside(name, state, reason, *, loaded=True):
        changed = [
            replace(p, state=state, reason=reason, components=p.components if loaded else {}) if p.name == name else p
            for p in fakes.all
        ]
        return Plugins(tuple(changed))

    return set_aside


@pytest.fixture
def fake():
    """Give a recipe for the fake plugins."""
    return FAKE


@pytest.fixture
def write(tmp_path):
    """Write a recipe file and give its path."""

    def write(content, name="recipe.toml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write
