"""Models: `hf-distilbert` and `hf-encoder`, Hugging Face encoders with a classification head.

This module holds the settings and stays light; torch and transformers are imported when a model is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from clsfw import Component, PathOrHubId, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw import Model, PlanFacts

Probability = Annotated[float, Field(ge=0, lt=1)]
Size = Annotated[int, Field(ge=1)]


class Lora(Settings):
    """Low-rank adapters by the `peft` library: only they and the head are trained; saved models have them merged in."""

    r: Annotated[int, Field(ge=1, description="rank of the adapters")] = 8
    alpha: Annotated[int, Field(ge=1, description="scale of the adapters; they count alpha / r times")] = 16
    dropout: Annotated[Probability, Field(description="dropout in front of the adapters")] = 0.0
    target_modules: Annotated[
        list[str] | None, Field(description="names of the linear layers that get one; default: queries and values")
    ] = None
    dtype: Annotated[
        Literal["float32", "bfloat16", "nf4"],
        Field(description="how weights that are not trained are held while training"),
    ] = "float32"


class WindowsSettings(Settings):
    """Windows in which texts longer than `max_length` are read, instead of cutting them."""

    stride: Annotated[int, Field(ge=0, description="tokens that a window shares with the next one")] = 128
    pool: Annotated[
        Literal["mean", "max"], Field(description="what makes a text's logits out of those of its windows")
    ] = "mean"


class DistilbertSizes(Settings):
    """The sizes of a DistilBERT that starts from scratch, named as in `DistilBertConfig`."""

    vocab_size: Annotated[int, Field(ge=100, description="the most WordPiece tokens to learn")] = 8000
    dim: Annotated[Size, Field(description="width of the hidden states")] = 256
    n_layers: Annotated[Size, Field(description="number of layers")] = 4
    n_heads: Annotated[Size, Field(description="attention heads per layer")] = 4
    hidden_dim: Annotated[Size, Field(description="width of the feed-forward parts")] = 1024

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> DistilbertSizes:
        if self.dim % self.n_heads:
            raise ValueError(f"dim = {self.dim} must be a multiple of n_heads = {self.n_heads}")
        return self


class BertSizes(Settings):
    """The sizes of a BERT that starts from scratch, named as in `BertConfig`."""

    vocab_size: Annotated[int, Field(ge=100, description="the most WordPiece tokens to learn")] = 8000
    hidden_size: Annotated[Size, Field(description="width of the hidden states")] = 256
    num_hidden_layers: Annotated[Size, Field(description="number of layers")] = 4
    num_attention_heads: Annotated[Size, Field(description="attention heads per layer")] = 4
    intermediate_size: Annotated[Size, Field(description="width of the feed-forward parts")] = 1024

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> BertSizes:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size = {self.hidden_size} must be a multiple of num_attention_heads = "
                f"{self.num_attention_heads}"
            )
        return self


class EncoderSettings(Settings):
    """The settings of both models."""

    family: ClassVar[str | None] = None
    """The only `model_type` that a checkpoint may have, if there is only one."""
    decoder: ClassVar[bool] = False
    """Whether checkpoints are decoders."""

    checkpoint: Annotated[
        PathOrHubId | None, Field(description="a folder, or an id on the Hugging Face hub; or give [model.scratch]")
    ] = None
    revision: Annotated[
        str | None,
        Field(min_length=1, description="branch, tag or commit on the hub; a whole commit hash pins it"),
    ] = None
    max_length: Annotated[int, Field(ge=3, description="longer texts are cut at so many tokens")] = 512
    freeze: Annotated[
        Literal["embeddings", "encoder"] | Size | None,
        Field(description="kept as they are: embeddings, the whole encoder, or (a number) embeddings and first layers"),
    ] = None
    lora: Annotated[Lora | None, Field(description="train low-rank adapters instead of the weights")] = None
    windows: Annotated[
        WindowsSettings | None, Field(description="read longer texts in several windows instead of cutting them")
    ] = None

    @property
    def sizes(self) -> dict[str, int] | None:
        """The sizes to start from scratch with, named as in the configuration."""
        scratch = getattr(self, "scratch", None)
        return None if scratch is None else dict(scratch)

    @property
    def dropouts(self) -> dict[str, float]:
        """What replaces the checkpoint's own dropout, by the configuration's names."""
        fields = type(self).model_fields
        given = {name: getattr(self, name) for name in fields if "dropout" in name}
        return {name: value for name, value in given.items() if value is not None}

    def check_plan(self, _: PlanFacts) -> Iterator[tuple[str, str]]:
        """Return (key, message) for windows that cannot be."""
        if self.windows is None:
            return
        if self.decoder:
            yield "windows", "a decoder reads a text to its last token, so windows are for encoders; raise max_length"
        elif self.windows.stride >= self.max_length:
            yield "windows.stride", f"{self.windows.stride} is not less than max_length = {self.max_length}"

    @model_validator(mode="after")
    def _one_start(self) -> EncoderSettings:
        scratch = self.sizes is not None
        if self.checkpoint is None and not scratch:
            other = ", or a table [model.scratch] to start from scratch" if "scratch" in type(self).model_fields else ""
            raise ValueError(f"needs a checkpoint to start from{other}")
        if self.checkpoint is not None and scratch:
            raise ValueError("checkpoint and [model.scratch] exclude each other; keep one of them")
        if self.revision is not None and (self.checkpoint is None or self.checkpoint.startswith("/")):
            raise ValueError("revision belongs to a checkpoint on the hub; a folder has none")
        if self.lora is not None and self.freeze is not None:
            instead = "; lora = false turns that off" if self.decoder else ""
            raise ValueError(
                f"freeze has no meaning beside [model.lora], which freezes all but adapters and head{instead}"
            )
        return self


class HfDistilbert(EncoderSettings):
    """Settings of `hf-distilbert`."""

    family: ClassVar[str | None] = "distilbert"

    dropout: Annotated[
        Probability | None, Field(description="dropout of the hidden states, instead of the checkpoint's own")
    ] = None
    attention_dropout: Annotated[
        Probability | None, Field(description="dropout of the attention, instead of the checkpoint's own")
    ] = None
    seq_classif_dropout: Annotated[
        Probability | None, Field(description="dropout in front of the head, instead of the checkpoint's own")
    ] = None
    scratch: Annotated[DistilbertSizes | None, Field(description="start from scratch, in these sizes")] = None


class HfEncoder(EncoderSettings):
    """Settings of `hf-encoder`."""

    hidden_dropout_prob: Annotated[
        Probability | None, Field(description="dropout of the hidden states, instead of the checkpoint's own")
    ] = None
    attention_probs_dropout_prob: Annotated[
        Probability | None, Field(description="dropout of the attention, instead of the checkpoint's own")
    ] = None
    classifier_dropout: Annotated[
        Probability | None, Field(description="dropout in front of the head, instead of the checkpoint's own")
    ] = None
    scratch: Annotated[BertSizes | None, Field(description="start a BERT from scratch, in these sizes")] = None


def _build(settings: EncoderSettings) -> Model:
    if settings.freeze is None and settings.lora is None and settings.windows is None:  # nothing that needs the module
        if settings.checkpoint is None:
            from clsfw_hf_encoders.scratch import ScratchModel

            return ScratchModel(settings)
        from clsfw_hf_encoders.started import StartedModel

        return StartedModel(settings)
    from clsfw_hf_encoders.model import HfModel

    return HfModel(settings)


@hookimpl
def register_models() -> list[Component[Model]]:
    """Contribute both models."""
    return [
        Component(
            name="hf-distilbert",
            summary="DistilBERT with a classification head, from a checkpoint or from scratch",
            settings=HfDistilbert,
            build=_build,
        ),
        Component(
            name="hf-encoder",
            summary="any Hugging Face encoder with a classification head: BERT, MiniLM, RoBERTa, ELECTRA, ...",
            settings=HfEncoder,
            build=_build,
        ),
    ]
