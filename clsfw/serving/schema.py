"""What a request may hold and what is answered, as pydantic has it and the OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from clsfw.serving.limits import CHARACTERS, TEXTS


def _texts(given: Any) -> list[str]:
    """Return the texts of `inputs`; a text may be in a list of its own, as text-embeddings-inference has it."""
    entries = given if isinstance(given, list) else [given]
    if not entries:
        raise _wrong("there is no text")
    if len(entries) > TEXTS:
        raise _wrong(f"{len(entries):,} texts are more than {TEXTS:,}")
    texts = [entry[0] if isinstance(entry, list) and len(entry) == 1 else entry for entry in entries]
    for number, text in enumerate(texts):
        if isinstance(text, list):
            raise _wrong(f"entry {number} is a list of {len(text)}; a list of one text is taken, a pair is not")
        if not isinstance(text, str):
            raise _wrong(f"entry {number} is not a text")
        if len(text) > CHARACTERS:
            raise _wrong(f"text {number} has {len(text):,} characters, more than {CHARACTERS:,}")
    return texts


def _no_raw_scores(given: Any) -> bool | None:
    if given is not None and given is not False:
        raise _wrong("scores are always probabilities")
    return given


def _wrong(message: str) -> PydanticCustomError:
    # Not as a template: pydantic would fill in braces.
    return PydanticCustomError("wrong", "{message}", {"message": message})


_TEXT = {"type": "string", "maxLength": CHARACTERS}
_SEVERAL = {"type": "array", "minItems": 1, "maxItems": TEXTS}
_INPUTS = {
    "description": "a text, a list of texts, or a list of lists of one text each",
    "anyOf": [
        _TEXT,
        {**_SEVERAL, "items": {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "maxItems": 1, "items": _TEXT}]}},
    ],
}


class Strict(BaseModel):
    """Takes the fields that it has, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Parameters(Strict):
    """What `InferenceClient.text_classification` may send beside the text."""

    top_k: Annotated[int, Field(ge=1)] | None = Field(None, description="how many classes to answer")
    # Which of the two it is depends on the model; `build_app` writes that into the OpenAPI document.
    function_to_apply: Literal["softmax", "sigmoid"] | None = Field(
        None, description="what the scores are made by anyway"
    )


class PredictRequest(Strict):
    """Texts, as text-embeddings-inference and the inference clients of the hub send them."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"inputs": "The food was wonderful."}]}
    )

    inputs: Annotated[list[str], PlainValidator(_texts), WithJsonSchema(_INPUTS)]
    truncate: bool | None = Field(
        None, description="false: a text that is longer than the model reads is refused; otherwise it is cut"
    )
    truncation_direction: Literal["Right", "right"] | None = Field(None, description="where a long text is cut")
    raw_scores: Annotated[Literal[False] | None, BeforeValidator(_no_raw_scores)] = Field(
        None, description="scores are always probabilities"
    )
    parameters: Parameters | None = None


class Score(BaseModel):
    """A class and its probability."""

    label: str
    score: float = Field(ge=0, le=1)


class Explained(Score):
    """A class, its probability, and the words of the text that decided for it."""

    words: list[str] = Field(description="empty for classes that were not decided on")


class Failure(BaseModel):
    """What every answer but a good one holds."""

    error: str
    error_type: Literal["Validation", "Unauthorized", "NotFound", "Overloaded", "Timeout", "Backend", "Unhealthy"]
