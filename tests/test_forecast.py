"""`clsfw.check`: what can be known before training."""

from __future__ import annotations

import pytest

from clsfw import forecast as module
from clsfw.discovery.plugins import discover
from clsfw.errors import HostError
from clsfw.recipe.plan import make_plan
from clsfw.report.display import Quiet


class Telling(Quiet):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def told() -> list[str]:
    display = Telling()
    module.check(make_plan("quickstart", {}, discover()), display)
    return display.told


def test_parameters_are_told_once() -> None:
    assert ["parameters: 298,658 in all, 298,658 trainable"] == [line for line in told() if "parameters" in line]


def test_memory_is_the_least_that_it_takes() -> None:
    assert "at least 5 MiB of memory, activations not counted; about 11 MiB of disk" == told()[-1]


def test_a_machine_with_too_little_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_memory", lambda: 2**20)

    with pytest.raises(HostError, match="at least 5 MiB of memory, and 1 MiB are here; take a smaller model"):
        told()
