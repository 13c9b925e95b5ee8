"""What the checks of the kit say of a component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def broken(checks: Iterable[Callable[[], None]]) -> list[str]:
    """Run all checks, and return what each that fails says."""
    failures = []
    for check in checks:
        try:
            check()
        except ContractError as exc:
            failures.append(str(exc))
    return failures
