"""The reference page tells what the settings are."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from clsfw_gpu_trainer import GpuTrainerSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def section(root: Path) -> str:
    page = (root / "docs" / "reference" / "trainers.md").read_text(encoding="utf-8")
    return page.split("\n## gpu-trainer\n")[1].split("\n## ")[0]


def test_every_setting_is_in_the_table(section: str) -> None:
    lines = [
        f"| `{name}` | {'' if field.default is None else f'`{field.default!r}`'} | {field.description} |"
        for name, field in GpuTrainerSettings.model_fields.items()
    ]

    table = section.split("| --- | --- | --- |\n")[1].split("\n\n", maxsplit=1)[0]

    assert table == "\n".join(lines)


def test_the_example_is_valid(section: str) -> None:
    (example,) = (tomllib.loads(block)["trainer"] for block in re.findall(r"```toml\n(.*?)```", section, re.DOTALL))

    assert example.pop("use") == "gpu-trainer"
    GpuTrainerSettings(**example)
