"""The model `embed`: a sentence encoder that stays as it is, with a linear head on its embeddings.

This module holds the settings and stays light; torch and transformers are imported when a model is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from clsfw import Component, PathOrHubId, Settings, hookimpl

if TYPE_CHECKING:
    from typing import Self

    from clsfw import Model


class EmbedSettings(Settings):
    """Options of `embed`; what is left out is read from the checkpoint."""

    checkpoint: PathOrHubId = Field(
        description="a folder, or an id on the Hugging Face hub: of sentence-transformers, transformers or model2vec"
    )
    revision: str | None = Field(
        default=None, min_length=1, description="branch, tag or commit on the hub; a whole commit hash pins it"
    )
    pooling: Literal["mean", "cls", "last"] | None = Field(
        default=None,
        description="what stands for a text: the mean of its tokens, its first or its last one; else what the "
        "checkpoint says, or the mean",
    )
    normalize: bool | None = Field(
        default=None, description="scale embeddings to length 1; else what the checkpoint says"
    )
    prompt: str | None = Field(default=None, description="put before each text; else the checkpoint's default, if any")
    prompt_name: str | None = Field(default=None, description="the prompt of this name in the checkpoint's list")
    max_length: Annotated[int, Field(ge=3)] | None = Field(
        default=None, description="longer texts are cut at so many tokens; else what the checkpoint says"
    )
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="bf16 is faster where the processor or the GPU has units for it, and less exact"
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.prompt is not None and self.prompt_name is not None:
            raise ValueError("prompt and prompt_name exclude each other; keep one of them")
        if self.revision is not None and self.checkpoint.startswith("/"):
            raise ValueError("revision belongs to a checkpoint on the hub; a folder has none")
        return self


def build(settings: EmbedSettings) -> Model:
    """Build the model."""
    from clsfw_torch.openmp import let_waiting_threads_sleep

    let_waiting_threads_sleep()

    from clsfw_embed.model import EmbedModel

    return EmbedModel(settings)


@hookimpl
def register_models() -> list[Component[Model]]:
    """Contribute `embed`."""
    return [
        Component(
            name="embed",
            summary="frozen embeddings of a sentence encoder, or of a static model, with a linear classifier",
            settings=EmbedSettings,
            build=build,
        )
    ]
