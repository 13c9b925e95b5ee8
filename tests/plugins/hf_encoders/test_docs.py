"""The reference page tells what the settings are."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from pydantic_core import PydanticUndefined

from clsfw_embed import EmbedSettings
from clsfw_hf_decoders import HfDecoder
from clsfw_hf_encoders import (
    BertSizes,
    DistilbertSizes,
    EncoderSettings,
    HfDistilbert,
    HfEncoder,
    Lora,
    WindowsSettings,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

SETTINGS = {"embed": EmbedSettings, "hf-decoder": HfDecoder, "hf-distilbert": HfDistilbert, "hf-encoder": HfEncoder}


def table(settings: type[BaseModel]) -> str:
    """Write the table of a class's own settings."""
    inherited = EncoderSettings.model_fields if settings in SETTINGS.values() else {}
    inherited = {
        name for name, field in inherited.items() if settings.model_fields[name].description == field.description
    }
    lines = ["| setting | default | what it is |", "| --- | --- | --- |"]
    for name, field in settings.model_fields.items():
        if name not in inherited:
            default = "" if field.default in {None, PydanticUndefined} else f"`{field.default!r}`"
            lines.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "settings", [EncoderSettings, HfDistilbert, DistilbertSizes, HfEncoder, BertSizes, Lora, WindowsSettings, HfDecoder]
)
def test_every_setting_stands_in_the_page(root: Path, settings: type[BaseModel]) -> None:
    assert table(settings) in (root / "docs" / "reference" / "models.md").read_text(encoding="utf-8")


def test_every_example_is_valid(root: Path) -> None:
    page = (root / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    examples = [tomllib.loads(block)["model"] for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]

    assert len(examples) == 7
    for example in examples:
        SETTINGS[example.pop("use")](**example)
