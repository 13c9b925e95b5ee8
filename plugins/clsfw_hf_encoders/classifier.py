"""A Hugging Face encoder with its head and its tokenizer, in memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import transformers.utils.logging

from clsfw import ModelError
from clsfw_hf_encoders.adapters import merged_weights
from clsfw_hf_encoders.folder import CONFIG, WEIGHTS
from clsfw_hf_encoders.four_bits import FourBits
from clsfw_runtime.tokenization import UNCUT, Tokenization
from clsfw_runtime.windows import Windows
from clsfw_torch.windows import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from clsfw import Labels, TokenizedTexts
    from clsfw_hf_encoders import WindowsSettings

# What a loaded tokenizer remembers of its file's truncation and padding, and of the call that loaded it.
_NOT_SAVED = ("is_local", "local_files_only", "max_length", "stride", "truncation_strategy", "pad_to_multiple_of")


class HfClassifier:
    """Satisfies `TorchClassifier` and `TakesPairs`.

    With `windows` texts are not cut, `module` takes any length, and pairs are not taken.
    """

    def __init__(
        self,
        module: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        labels: Labels,
        max_length: int,
        asked: WindowsSettings | None = None,
    ) -> None:
        self.takes_pairs = asked is None
        self.labels = labels
        self.max_length = max_length
        self.pad_token_id: int = tokenizer.pad_token_id
        self._tokenizer = tokenizer
        self._tokenization = Tokenization(
            tokenizer.backend_tokenizer,
            max_length if asked is None else UNCUT,
            tokenizer.truncation_side,
            types="token_type_ids" in tokenizer.model_input_names,
        )
        self._inner: Any = module
        self.module: Any = module
        self.windows: Windows | None = None
        if asked is not None:
            self.windows = Windows(max_length, asked.stride, asked.pool, self._tokenization.special)
            if self.windows.step < 1:
                most = asked.stride + self.windows.step - 1
                raise ModelError(
                    f"[model.windows] stride = {asked.stride}: with its special tokens a window of max_length = "
                    f"{max_length} has no new token; lower stride to {most} at most"
                )
            self.module = Windowed(module, self.windows, self.pad_token_id)

    def tokenize(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> TokenizedTexts:
        """Turn texts, or pairs of texts, into ids, each cut at `max_length` unless there are windows, not padded."""
        if texts and isinstance(texts[0], tuple):
            if self.windows is not None:
                raise ModelError("[model.windows] is for single texts; leave it out for pairs, which are cut")
            return self._tokenization.tokenize_pairs(cast("Sequence[tuple[str, str]]", texts))
        return self._tokenization.tokenize(cast("Sequence[str]", texts))

    def tokenizer_key(self) -> str:
        """Name the exact tokenization by a hash."""
        return self._tokenization.key()

    def save(self, directory: Path) -> None:
        """Write weights (float32 safetensors, adapters merged in), configuration and tokenizer.

        `transformers.pipeline("text-classification", model=directory)` loads it.
        """
        with quiet():
            self._inner.save_pretrained(directory, state_dict=merged_weights(self._inner), max_shard_size="1TB")
            backend = self._tokenizer.backend_tokenizer
            backend.no_truncation()
            backend.no_padding()
            self._tokenizer.model_max_length = self.max_length
            for name in _NOT_SAVED:
                self._tokenizer.init_kwargs.pop(name, None)
            self._tokenizer.save_pretrained(directory)
        # The safetensors library makes its file readable to its owner alone, unlike the files beside it.
        (directory / WEIGHTS).chmod((directory / CONFIG).stat().st_mode & 0o777)

    def parameters(self) -> tuple[int, int]:
        """Count all parameters and the trainable ones."""
        counts = [(parameter.numel(), parameter.requires_grad) for parameter in self.module.parameters()]
        counts += [(part.shape.numel(), False) for part in self.module.modules() if isinstance(part, FourBits)]
        return sum(n for n, _ in counts), sum(n for n, trainable in counts if trainable)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' own bars and load reports off the terminal; what matters is said by the model itself."""
    logging: Any = transformers.utils.logging  # its functions carry no types
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
