"""The searchers `random` and `grid`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from clsfw import Component, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clsfw import Range, Searcher


class GridSettings(Settings):
    """Options of `grid`."""

    points: int = Field(
        default=3, ge=2, le=100, description="how many values of a range that has neither choices nor a step"
    )

    def check_space(self, space: Mapping[str, Range], trials: int) -> Iterator[str]:
        """Say that there are fewer trials than the grid has parts."""
        from clsfw_searchers.grid import parts

        needed = parts(space, self.points)
        if trials < needed:
            yield f"the grid has {needed:,} parts, more than {trials:,} trials; give trials = {needed}, or fewer values"


def build_random(_: Settings) -> Searcher:
    """Build the random searcher."""
    from clsfw_searchers.drawn import RandomSearcher

    return RandomSearcher()


def build_grid(settings: GridSettings) -> Searcher:
    """Build the searcher of a grid."""
    from clsfw_searchers.grid import GridSearcher

    return GridSearcher(settings.points)


@hookimpl
def register_searchers() -> list[Component[Searcher]]:
    """Contribute `random` and `grid`."""
    return [
        Component(
            name="random",
            summary="draws each value by itself, evenly over its range, or over its factors with log",
            settings=Settings,
            build=build_random,
        ),
        Component(
            name="grid",
            summary="tries every combination of values, the last setting changing fastest",
            settings=GridSettings,
            build=build_grid,
        ),
    ]
