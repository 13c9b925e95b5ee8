"""Proof 1 and proof 2 that no run is lost: random kills, and a fault at file operations; the same bytes at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from trials import each_operation, kills

if TYPE_CHECKING:
    from forks import Forks


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.thorough)])
def test_random_kills_of_gpu_trainer_lose_nothing(gpu_forks: Forks, count: int) -> None:
    found = kills(gpu_forks, count=count, seed=1)

    assert found["lost"] == []
    assert found["kills"] == count


@pytest.mark.thorough
def test_ten_random_kills_of_hf_trainer_lose_nothing(hf_forks: Forks) -> None:
    found = kills(hf_forks, count=10, seed=2)

    assert found["lost"] == []
    assert found["kills"] == 10


@pytest.mark.thorough
def test_a_kill_at_file_operations_loses_nothing(gpu_forks: Forks) -> None:
    found = each_operation(gpu_forks, "kill", every=29, first=5)

    assert found["lost"] == []
    assert found["trials"] >= 8


@pytest.mark.thorough
def test_a_full_disk_at_file_operations_is_one_message_and_loses_nothing(gpu_forks: Forks) -> None:
    found = each_operation(gpu_forks, "full-disk", every=37, first=11)

    assert found["lost"] == []
    assert found["trials"] >= 6


@pytest.mark.slow
def test_two_hundred_random_kills_lose_nothing(forks: Forks) -> None:
    assert kills(forks, count=200, seed=3)["lost"] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "full-disk"])
def test_a_fault_at_every_file_operation_loses_nothing(forks: Forks, kind: str) -> None:
    assert each_operation(forks, kind, every=1)["lost"] == []
