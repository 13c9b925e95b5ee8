"""The model `hf-decoder`: a decoder (Llama, Qwen, Gemma, SmolLM, ...) that classifies by the last token of a text.

This module holds the settings and stays light; torch and transformers are imported when a model is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, field_validator

from clsfw import Component, hookimpl
from clsfw_hf_encoders import EncoderSettings, Lora, Probability

if TYPE_CHECKING:
    from clsfw import Model


class HfDecoder(EncoderSettings):
    """Settings of `hf-decoder`."""

    decoder: ClassVar[bool] = True

    lora: Annotated[
        Lora | None,
        Field(
            default_factory=Lora, description="the low-rank adapters that are trained; false trains all weights instead"
        ),
    ]
    attention_dropout: Annotated[
        Probability | None, Field(description="dropout of the attention, instead of the checkpoint's own")
    ] = None

    @field_validator("lora", mode="before")
    @classmethod
    def _false_is_none(cls, value: object) -> object:
        return None if value is False else value


def _build(settings: HfDecoder) -> Model:
    from clsfw_hf_encoders.model import HfModel

    return HfModel(settings)


@hookimpl
def register_models() -> list[Component[Model]]:
    """Contribute `hf-decoder`."""
    return [
        Component(
            name="hf-decoder",
            summary="a Hugging Face decoder with a classification head: Llama, Qwen, Gemma, SmolLM, ...",
            settings=HfDecoder,
            build=_build,
        )
    ]
