"""Takes the graph out of a torch classifier, and writes beside it what turns texts into its input."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clsfw import ModelError
from clsfw_runtime.predictor import INPUT, TOKENIZER, read_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw import TorchClassifier
    from clsfw_runtime.windows import Windows

_MOST = 2**20  # tokens in a part, for families without a longest input
_CHECKED = 256  # texts


class _Logits(torch.nn.Module):
    """The classifier's module with a plain tensor as its answer."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits [B, C] for ids and mask [B, L]."""
        logits: torch.Tensor = self.module(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def capture(model: TorchClassifier) -> torch.export.ExportedProgram:
    """Return the graph, for any number of texts and any length up to the longest input.

    Raises:
        ModelError: torch cannot take it out of this architecture.

    """
    whole: Any = model.module
    # With windows the graph is that of the model of one window; what cuts and pools is beside it.
    inner = whole if _windows(model) is None else whole.get_base_model()
    module = _Logits(copy.deepcopy(inner).to("cpu").float().eval())
    length = min(8, model.max_length)
    ids = torch.full((2, length), model.pad_token_id, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, length // 2 :] = 0  # or a mask of ones alone may be taken for none
    sizes = {0: torch.export.Dim("batch", min=1, max=_MOST), 1: torch.export.Dim("length", min=1, max=model.max_length)}
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(
                module, (ids, mask), dynamic_shapes={"input_ids": sizes, "attention_mask": sizes}, strict=False
            )
    except Exception as exc:  # whatever torch says of a line that it cannot follow
        said = " ".join(str(exc).split())[:300] or type(exc).__name__
        kind = type(model.module).__name__
        raise ModelError(f"torch.export cannot take the graph out of {kind}: {said}") from exc


def write_tokenization(model: TorchClassifier, directory: Path, texts: Sequence[str]) -> None:
    """Write the tokenizer, and see on some texts that what was written gives the model's own ids.

    Raises:
        ModelError: the model saves no tokenizer.json, or one that gives other ids.

    """
    with tempfile.TemporaryDirectory(prefix="clsfw-") as folder:
        model.save(Path(folder))
        if not (Path(folder) / TOKENIZER).is_file():
            raise ModelError(f"the model saves no {TOKENIZER}, so its texts cannot become ids without it")
        shutil.copyfile(Path(folder) / TOKENIZER, directory / TOKENIZER)
        side = _side(Path(folder) / "tokenizer_config.json")
    about = {"max_length": model.max_length, "side": side, "pad": model.pad_token_id}
    if (windows := _windows(model)) is not None:
        about["windows"] = {"stride": windows.stride, "pool": windows.pool, "special": windows.special}
    (directory / INPUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    some = list(texts[:_CHECKED])
    own, written = model.tokenize(some), read_input(directory).tokenization.tokenize(some)
    if [list(row) for row in own.ids] != [list(row) for row in written.ids]:
        raise ModelError(f"{TOKENIZER} gives other ids than the model itself, so it cannot stand for its tokenization")


def _windows(model: TorchClassifier) -> Windows | None:
    return getattr(model, "windows", None)


def _side(file: Path) -> str:
    if not file.is_file():
        return "right"
    return str(json.loads(file.read_text(encoding="utf-8")).get("truncation_side", "right"))


@contextlib.contextmanager
def quiet() -> Iterator[Any]:
    """Keep what the libraries say of their own insides off the terminal."""
    import logging

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
