"""Tokenizers that come as a SentencePiece model alone, without the tokenizer.json that other libraries read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clsfw import HostError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = ("tokenizer.json", "vocab.txt", "vocab.json")
_MODELS = ("spiece.model", "spm.model", "sentencepiece.bpe.model", "tokenizer.model")
_CONVERT = "AutoTokenizer.from_pretrained(...).save_pretrained(...), where it can be read, writes a tokenizer.json"


def sentencepiece_model(folder: Path) -> Path | None:
    """Return the file of the SentencePiece model that is all there is of a tokenizer; None where there is more."""
    if any((folder / name).is_file() for name in _OTHERS):
        return None
    return next((folder / name for name in _MODELS if (folder / name).is_file()), None)


def check_model(file: Path, where: str) -> None:
    """Check that a SentencePiece model can be read; transformers takes one that cannot for a file of tiktoken.

    Raises:
        HostError: a package is not installed, or too old.
        ModelError: the file is damaged, or of another kind.

    """
    try:
        from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2  # noqa: F401
    except Exception as exc:  # one is missing, or protobuf is older than what wrote the other's code
        raise HostError(
            f"{where}: the tokenizer is {file.name} alone, which needs the packages sentencepiece and protobuf "
            f'({exc}): pip install "clsfw[sentencepiece]"'
        ) from exc
    try:
        SentencePieceProcessor(model_proto=file.read_bytes())
    except (OSError, RuntimeError) as exc:
        raise ModelError(f"{where}: {file.name} is damaged, or not a SentencePiece model; {_CONVERT}") from exc


def check_class(tokenizer: Any, file: Path, where: str) -> None:
    """Check that transformers read the model, as the checkpoint's own tokenizer class has it.

    It makes a tokenizer of a few special tokens where the class reads a file of another name, and one without the mark
    in front of a text's first word where no class is named: both in silence.

    Raises:
        ModelError: it did not.

    """
    name = type(tokenizer).__name__
    if name in {"TokenizersBackend", "PreTrainedTokenizerFast"}:
        raise ModelError(
            f"{where}: tokenizer_config.json does not name the tokenizer's class, which {file.name} needs; {_CONVERT}"
        )
    if tokenizer.vocab_files_names.get("vocab_file") != file.name:
        wanted = tokenizer.vocab_files_names.get("vocab_file")
        raise ModelError(f"{where}: lacks {wanted}, which {name} reads; {file.name} is that of another tokenizer")
