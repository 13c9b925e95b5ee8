"""What the folder of a sentence encoder says of how a text becomes an embedding."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, cast

from clsfw import ModelError, Settings
from clsfw_hf_encoders.folder import CONFIG, check_length, longest_input, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw_embed import EmbedSettings

Pooling = Literal["mean", "cls", "last"]

STATIC = "model2vec"
MODULES, PROMPTS, BERT = "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"
MORE_FILES = (MODULES, PROMPTS, BERT, "*_Pooling/config.json")
"""What sentence-transformers keeps beside the files of transformers."""

_POOLINGS: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
_OLD_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_USUAL_LENGTH = 512
_NO_LIMIT = 1_000_000  # tokens; where a checkpoint has no limit, its files carry a number with thirty digits


class Embedding(Settings):
    """All that decides an embedding beside weights and tokenizer; `static` is a model of model2vec."""

    static: bool = False
    pooling: Pooling = "mean"
    normalize: bool = False
    prompt: str = ""
    lower_case: bool = False
    max_length: int | None
    precision: Literal["fp32", "bf16"] = "fp32"

    def told(self) -> str:
        """Return how texts are pooled, for people."""
        return f"{self.pooling}, length 1" if self.normalize else self.pooling


def is_static(folder: Path, where: str) -> bool:
    """Return whether the folder holds a static model of model2vec."""
    return bool(read_json(folder / CONFIG, where).get("model_type") == STATIC)


def read_embedding(folder: Path, config: Mapping[str, Any], settings: EmbedSettings, where: str) -> Embedding:
    """Return what settings and folder say, the settings first.

    Raises:
        ModelError: the folder asks for what is not computed here, or lacks the prompt asked for.

    """
    paths = _modules(folder, where)
    pooling, whole = settings.pooling, True
    if "Pooling" in paths:
        said = read_json(_below(folder, paths["Pooling"], where) / CONFIG, where)
        pooling, whole = pooling or _pooling(said, where), said.get("include_prompt") is not False
    prompt = _prompt(folder, settings, where)
    if prompt and not whole:
        raise ModelError(f"{where}: leaves the prompt out of its pooling, which embed does not do; set prompt = ''")
    bert = _optional(folder / BERT, where)
    return Embedding(
        pooling=pooling or "mean",
        normalize="Normalize" in paths if settings.normalize is None else settings.normalize,
        prompt=prompt,
        lower_case=bert.get("do_lower_case") is True,
        max_length=_length(folder, config, settings, bert, where),
        precision=settings.precision,
    )


def read_static(folder: Path, settings: EmbedSettings, where: str) -> Embedding:
    """Return the same for a static model, whose tokens have no order.

    Raises:
        ModelError: another pooling or precision is asked for, or a prompt that it lacks.

    """
    if settings.pooling not in {None, "mean"}:
        raise ModelError(f"{where}: is a static model, whose pooling is 'mean', not {settings.pooling!r}")
    if settings.precision != "fp32":
        raise ModelError(f"{where}: is a static model, which looks vectors up; bf16 changes nothing there")
    config = read_json(folder / CONFIG, where)
    length = config.get("max_length", _USUAL_LENGTH)
    return Embedding(
        static=True,
        normalize=config.get("normalize") is True if settings.normalize is None else settings.normalize,
        prompt=_prompt(folder, settings, where),
        max_length=settings.max_length or (length if isinstance(length, int) else None),
    )


def _modules(folder: Path, where: str) -> dict[str, str]:
    """Return the folder of each module of sentence-transformers by its kind; empty where there is no such list."""
    if not (folder / MODULES).is_file():
        return {}
    paths: dict[str, str] = {}
    for module in _listed(folder, where):
        kind, path = str(module.get("type")).rpartition(".")[2], str(module.get("path", ""))
        if kind not in {"Transformer", "Pooling", "Normalize"}:
            raise ModelError(
                f"{where}: {MODULES} names a module {kind!r}, which embed does not compute; it computes Transformer, "
                "Pooling and Normalize"
            )
        if kind == "Transformer" and path not in {"", "."}:
            raise ModelError(f"{where}: its encoder is in the folder {path!r}; give that one as checkpoint")
        paths[kind] = path
    return paths


def _listed(folder: Path, where: str) -> list[dict[str, Any]]:
    listed = read_json(folder / MODULES, where, kind=list)
    if not all(isinstance(module, dict) for module in listed):
        raise ModelError(f"{where}: {MODULES} must hold a list of JSON objects")
    return cast("list[dict[str, Any]]", listed)


def _below(folder: Path, path: str, where: str) -> Path:
    if PurePosixPath(path).name != path:
        raise ModelError(f"{where}: {MODULES} names the folder {path!r}, which is not one of its own")
    return folder / path


def _pooling(said: Mapping[str, Any], where: str) -> Pooling:
    mode = said.get("pooling_mode", [new for old, new in _OLD_POOLINGS.items() if said.get(old)] or "mean")
    if isinstance(mode, list) and len(mode) == 1:
        (mode,) = mode
    if not isinstance(mode, str) or mode not in _POOLINGS:
        raise ModelError(
            f"{where}: pools by {mode!r}, which embed does not compute; set pooling = 'mean', 'cls' or 'last'"
        )
    return _POOLINGS[mode]


def _prompt(folder: Path, settings: EmbedSettings, where: str) -> str:
    if settings.prompt is not None:
        return settings.prompt
    said = _optional(folder / PROMPTS, where)
    prompts = said.get("prompts") or {}
    name = settings.prompt_name or said.get("default_prompt_name")
    if name is None:
        return ""
    if not isinstance(prompts, dict) or not isinstance(prompts.get(name), str):
        known = ", ".join(repr(known) for known in sorted(prompts)) or "none"
        raise ModelError(f"{where}: has no prompt {name!r}; it has {known}; write one with prompt = '...'")
    return str(prompts[name])


def _length(
    folder: Path, config: Mapping[str, Any], settings: EmbedSettings, bert: Mapping[str, Any], where: str
) -> int:
    if settings.max_length is not None:
        check_length(dict(config), settings.max_length, where)
        return settings.max_length
    tokenizer = _optional(folder / "tokenizer_config.json", where)
    said = (bert.get("max_seq_length"), tokenizer.get("model_max_length"))
    lengths = [length for length in said if isinstance(length, int) and 0 < length < _NO_LIMIT]
    limit = longest_input(dict(config))
    first = lengths[0] if lengths else _USUAL_LENGTH
    return first if limit is None else min(first, limit)


def _optional(file: Path, where: str) -> dict[str, Any]:
    return read_json(file, where) if file.is_file() else {}
