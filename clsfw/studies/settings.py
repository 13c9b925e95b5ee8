"""The tables `[study]` and `[study.search]` of a recipe."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from clsfw.contract.component import Settings
from clsfw.contract.parts import ChecksSpace, Range
from clsfw.discovery.plugins import guard
from clsfw.kit.suggestions import offer, short
from clsfw.recipe.sections import Found, Part, find_component, not_a_table, read_settings
from clsfw.studies.space import SPACE, RangeTable, read_space
from clsfw.toml.document import Flaw, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.contract.parts import PlanFacts
    from clsfw.discovery.parts import BuiltSearcher
    from clsfw.discovery.plugins import Plugins
    from clsfw.recipe.plan import Plan
    from clsfw.toml.document import Document
    from clsfw.toml.overrides import Override
    from clsfw.toml.positions import KeyPath

_SEEDS = 2**32
TABLE: KeyPath = ("study",)
SEARCH: KeyPath = ("study", "search")


def _different(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed is in the list twice; two runs with one seed are one run")
    return seeds


def _rising(shares: tuple[float, ...]) -> tuple[float, ...]:
    if list(shares) != sorted(set(shares)):
        raise ValueError("the shares must rise")
    return shares


Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=_SEEDS)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=2), AfterValidator(_different)]


class HalvingTable(Settings):
    """When trials are judged before their end, and how many of them go on each time."""

    at: Annotated[tuple[Share, ...], Field(min_length=1), AfterValidator(_rising)] = Field(
        description="the shares of the steps after which trials are judged, rising"
    )
    keep: float = Field(gt=0, lt=1, description="the share of the trials that go on each time")


class SearchTable(Settings):
    """A search for settings; the keys beside these are the searcher's own."""

    model_config = ConfigDict(extra="allow")

    use: str = Field(description="the searcher, such as random or grid")
    trials: int = Field(ge=1, le=100_000, description="how many trials in all, however often the command is started")
    metric: str = Field(description="the score on validation by which trials are judged")
    halving: HalvingTable | None = Field(
        default=None, description="train all trials in part, and only the best of them to the end"
    )


class Study(Settings):
    """Several runs of the recipe as one experiment; `clsfw study` makes them, `clsfw run` does not look here."""

    seeds: Annotated[int, Field(ge=2, le=1000)] | Seeds = Field(
        default=5, description="how many final runs, each with a seed of its own, or a list of the seeds"
    )
    search: SearchTable | None = Field(default=None, description="a search for better settings, on validation")
    space: dict[str, RangeTable] | None = Field(
        default=None, description="the settings to search, such as trainer.learning_rate in quotes, and their values"
    )


@dataclass(frozen=True)
class Search:
    """A search that can be carried out; `greater` says whether a greater value of the metric is better.

    `stages` are the shares of the steps after which trials are judged, the last one 1; `keep` is how many go on.
    """

    part: Part[BuiltSearcher]
    trials: int
    metric: str
    greater: bool
    space: Mapping[str, Range]
    stages: tuple[float, ...] = (1.0,)
    keep: float = 1.0

    @property
    def going(self) -> list[int]:
        """How many trials go on into each stage, all of them having a score."""
        counts = [self.trials]
        for _ in self.stages[1:]:
            counts.append(self.kept(counts[-1]))
        return counts

    def kept(self, count: int) -> int:
        """Return how many of so many trials go on."""
        return max(1, round(self.keep * count))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        space = {
            name: {k: list(v) if k == "choices" else v for k, v in asdict(within).items() if v}
            for name, within in self.space.items()
        }
        halving = {"halving": {"at": list(self.stages[:-1]), "keep": self.keep}} if len(self.stages) > 1 else {}
        return {**self.part.dump(), "trials": self.trials, "metric": self.metric, "space": space, **halving}


def read_study(
    document: Document, unchanged: Document, changes: Sequence[Override], own: Plan, plugins: Plugins
) -> tuple[tuple[int, ...], Search | None]:
    """Read the tables; return the seeds of the final runs, and the search if there is one.

    `unchanged` is the recipe as it was read, before the `changes` that made it the `document`; `own` is its plan.

    Raises:
        RecipeError: there is no `[study]`, or something in it is wrong.
        PluginError: a plugin failed while it was asked.

    """
    wrong = not_a_table(document, TABLE) if TABLE[0] in document.values else None
    if TABLE[0] not in document.values:
        wrong = Flaw((), "missing table [study]: it says how many seeds; `clsfw run` makes a single run", at_key=True)
    report(document, [] if wrong is None else [wrong])
    study = read_settings(document, TABLE, Study, {}, apart=("search", "space"))
    flaws = study if isinstance(study, list) else []
    search: Search | None = None
    if document.get(SEARCH) is not None:
        search, more = _read_search(document, unchanged, changes, own, plugins)
        flaws += more
    elif document.get(SPACE) is not None:
        flaws.append(Flaw(SPACE, "is for a search; add [study.search] with use, trials and metric", at_key=True))
    seed = own.recipe.seed
    if isinstance(study, Study) and isinstance(study.seeds, tuple) and search is not None and seed in study.seeds:
        message = f"{seed} is the seed of the trials; the final runs need fresh ones"
        flaws.append(Flaw((*TABLE, "seeds"), message))
    report(document, flaws)
    if isinstance(study, list):
        raise AssertionError("a table with flaws was reported")  # noqa: TRY004  # for the type checker alone
    if isinstance(study.seeds, tuple):
        return study.seeds, search
    first = seed + (search is not None)
    return tuple((first + i) % _SEEDS for i in range(study.seeds)), search


def _read_search(
    document: Document, unchanged: Document, changes: Sequence[Override], own: Plan, plugins: Plugins
) -> tuple[Search | None, list[Flaw]]:
    space, flaws = read_space(document, unchanged, changes, plugins)
    found = find_component(document, SEARCH, "searcher", plugins)
    if not isinstance(found, Found):
        return None, [*flaws, found]
    keys = set(SearchTable.model_fields)
    table = read_settings(
        document, SEARCH, SearchTable, {}, apart=[key for key in document.get(SEARCH) if key not in keys]
    )
    settings = read_settings(
        document, SEARCH, found.component.settings, {}, owner=found.plugin, apart=tuple(SearchTable.model_fields)
    )
    flaws += [flaw for read in (table, settings) if isinstance(read, list) for flaw in read]
    if isinstance(table, list) or isinstance(settings, list):
        return None, flaws
    facts = own.facts["trainer",]
    flaws += _wrong_metric(table.metric, facts)
    flaws += _missing_splits(facts)
    if table.halving is not None:
        flaws += _never_judged(own.trainer.settings, space)
    if not flaws and isinstance(settings, ChecksSpace):
        with guard(found.plugin, f"check_space of {found.component.name!r}"):
            flaws += [Flaw((*SEARCH, "trials"), str(said)) for said in settings.check_space(space, table.trials)]
    part: Part[BuiltSearcher] = Part("searcher", found.plugin, found.component, settings)
    stages, keep = ((*table.halving.at, 1.0), table.halving.keep) if table.halving is not None else ((1.0,), 1.0)
    greater = _greater(table.metric, facts) is not False
    return Search(part, table.trials, table.metric, greater, space, stages, keep), flaws


def _wrong_metric(metric: str, facts: PlanFacts) -> Iterator[Flaw]:
    place = (*SEARCH, "metric")
    if metric == "test" or metric.startswith(("test_", "test ", "test.")):
        message = "the test split stays closed until the values are chosen; name a score, which is taken on validation"
        yield Flaw(place, message)
    elif _greater(metric, facts) is None:
        yield Flaw(place, f"no metric of this recipe gives {short(metric)}{offer(metric, facts.scores, 'known')}")


def _never_judged(trainer: Settings, space: Mapping[str, Range]) -> Iterator[Flaw]:
    """Find out whether trials would never be evaluated before their end, and so each trained whole."""
    if getattr(trainer, "eval_steps", 0) is None and "trainer.eval_steps" not in space:
        message = (
            "trials are judged at evaluations, and there are none before the end; write eval_steps under [trainer]"
        )
        yield Flaw((*SEARCH, "halving"), message, at_key=True)


def _greater(metric: str, facts: PlanFacts) -> bool | None:
    """Return whether greater is better; None for a score that no metric names. Labels have scores as `f1_pos`."""
    known = [name for name in facts.scores if metric == name or metric.startswith(f"{name}_")]
    return facts.scores[max(known, key=len)] if known else None


def _missing_splits(facts: PlanFacts) -> Iterator[Flaw]:
    if "validation" not in facts.splits:
        yield Flaw(SEARCH, "needs a validation split to judge trials on; add one under [split]", at_key=True)
    if "test" not in facts.splits:
        message = "needs a test split, for the values that it chooses are judged on it; add one under [split]"
        yield Flaw(SEARCH, message, at_key=True)
