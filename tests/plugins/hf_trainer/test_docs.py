"""The reference page tells what the settings are."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_hf_trainer import HfTrainerSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def section(root: Path) -> str:
    page = (root / "docs" / "reference" / "trainers.md").read_text(encoding="utf-8")
    return page.split("\n## hf-trainer\n")[1].split("\n## ")[0]


def test_settings_are_those_of_gpu_trainer_but_for_the_ones_in_the_page(section: str) -> None:
    """Swapping one line of a recipe swaps the trainers."""
    ours, theirs = HfTrainerSettings.model_fields, GpuTrainerSettings.model_fields
    lines = []
    for name, field in ours.items():
        other = theirs.get(name)
        if other is None or (field.default, str(field.annotation)) != (other.default, str(other.annotation)):
            lines.append(f"| `{name}` | `{field.default!r}` | {field.description} |")
        else:
            assert field.description == other.description

    table = section.split("| --- | --- | --- |\n")[1].split("\n\n", maxsplit=1)[0]
    assert table == "\n".join(lines)
    assert theirs.keys() - ours.keys() == {"max_batch_tokens"}


def test_the_example_is_valid(section: str) -> None:
    (example,) = (tomllib.loads(block)["trainer"] for block in re.findall(r"```toml\n(.*?)```", section, re.DOTALL))

    assert example.pop("use") == "hf-trainer"
    HfTrainerSettings(**example)
