"""A tiny Llama, as language models are published: without a head, and without a padding token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import clsfw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = ["a fine film with a lovely cast", "a dull plot, poor and slow", "fine", " ".join(["a great cast"] * 9)]


def make(folder: Path, *, padding: str | None = None, end: bool = False) -> Path:
    """Write a checkpoint; `padding` is its padding token, and with `end` a text ends with a token of its own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<s>", "</s>", *([padding] if padding else [])]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    single, pair = ("<s> $A </s>", "<s> $A </s> $B </s>") if end else ("<s> $A", "<s> $A $B")
    tokenizer.post_processor = processors.TemplateProcessing(single, pair, [("<s>", 0), ("</s>", 1)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token=padding
    ).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=300, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, max_position_embeddings=64, bos_token_id=0, eos_token_id=1, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make(tmp_path / "llama")


RECIPE = """
schema = 1
name = "decoder"
seed = 3

[data]
use = "csv"
source = "rows.csv"

[split]
method = "stratified"
validation = 0.2
test = 0.2

[model]
use = "hf-decoder"
checkpoint = "./llama"
max_length = 48
lora = false

[trainer]
use = "{trainer}"
max_steps = 20
eval_steps = 10
batch_size = 8
learning_rate = 0.01
device = "cpu"
precision = "fp32"
full_determinism = true

[[metrics]]
use = "macro-metrics"
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Provide what trains `./llama` in the test's folder by a trainer."""

    def run(trainer: str, **overrides: Any) -> Any:
        rows = [f"film {i} is {word},{label}" for i in range(40) for word, label in (("fine", "good"), ("dull", "bad"))]
        (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
        (tmp_path / "recipe.toml").write_text(RECIPE.format(trainer=trainer))
        return clsfw.run(tmp_path / "recipe.toml", out=tmp_path / trainer, overrides=overrides)

    return run
