"""Finds recipe files: by path, or by the name of a recipe that ships with clsfw."""

from __future__ import annotations

from pathlib import Path

from clsfw.errors import Place, Problem, RecipeError
from clsfw.kit.suggestions import near, offer


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that ship with clsfw by name; in a checkout they are beside the package."""
    package = Path(__file__).parents[1]
    folder = package / "recipes" if (package / "recipes").is_dir() else package.parent / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def find_recipe(name: str | Path) -> Path:
    """Return the file of a recipe: an existing path, or else the shipped recipe of this name.

    Raises:
        RecipeError: there is neither.

    """
    path = Path(name)
    shipped = shipped_recipes()
    try:
        if (path.exists() or path.is_symlink()) and not (path.is_dir() and str(name) in shipped):
            return path
    except (OSError, ValueError) as exc:
        raise RecipeError([Problem(Place(repr(str(name))), f"cannot read the recipe: {exc}")]) from exc
    if str(name) in shipped:
        return shipped[str(name)]
    neighbour = near(path.name, _neighbours(path))
    meant = f"; did you mean {str(path.with_name(neighbour))!r}?" if neighbour else offer(str(name), shipped, "shipped")
    message = f"there is no such recipe file{meant}"
    raise RecipeError([Problem(Place(str(name)), message)])


def _neighbours(path: Path) -> list[str]:
    try:
        return [file.name for file in path.parent.glob("*.toml")]
    except OSError:
        return []
