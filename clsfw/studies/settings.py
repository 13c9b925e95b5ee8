"""The table `[study]` of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from clsfw.contract.component import Settings
from clsfw.recipe.sections import not_a_table, read_settings
from clsfw.toml.document import Flaw, report

if TYPE_CHECKING:
    from clsfw.toml.document import Document

_SEEDS = 2**32
TABLE = ("study",)


def _different(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed stands in the list twice; two runs with one seed are one run")
    return seeds


Seed = Annotated[int, Field(ge=0, lt=_SEEDS)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=2), AfterValidator(_different)]


class Study(Settings):
    """Several runs of the recipe as one experiment; `clsfw study` makes them, `clsfw run` does not look here."""

    seeds: Annotated[int, Field(ge=2, le=1000)] | Seeds = Field(
        default=5, description="how many runs, each with a seed of its own from the recipe's on, or a list of the seeds"
    )

    def seeds_from(self, first: int) -> tuple[int, ...]:
        """Return the seeds: those of the list, or so many from the first one on."""
        if isinstance(self.seeds, tuple):
            return self.seeds
        return tuple((first + i) % _SEEDS for i in range(self.seeds))


def read_study(document: Document) -> Study:
    """Read the table.

    Raises:
        RecipeError: there is none, or something in it is wrong.

    """
    wrong = not_a_table(document, TABLE) if TABLE[0] in document.values else None
    if TABLE[0] not in document.values:
        wrong = Flaw((), "missing table [study]: it says how many seeds; `clsfw run` makes a single run", at_key=True)
    report(document, [] if wrong is None else [wrong])
    study = read_settings(document, TABLE, Study, {})
    report(document, study if isinstance(study, list) else [])
    if isinstance(study, list):
        raise AssertionError("a table with flaws was reported")  # noqa: TRY004  # for the type checker alone
    return study
