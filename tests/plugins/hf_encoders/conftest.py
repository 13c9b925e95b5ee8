"""Tiny checkpoints of several families, made once, and copies of them to spoil."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from support.model_faults import Folder
from support.reporting import Remembering
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from tokenizers.decoders import ByteLevel

from clsfw.contract.parts import Labels
from clsfw_hf_encoders import BertSizes, DistilbertSizes, HfDistilbert, HfEncoder
from clsfw_hf_encoders.model import HfModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = (
    "a fine film with a lovely cast and a great score",
    "a dull plot, poor and slow: no heart at all",
    "Ünïcode 日本!",
)
LABELS = Labels(("NEGATIVE", "POSITIVE"))


class Checkpoints:
    """Makes each family's checkpoint when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, family: str = "distilbert") -> Path:
        path = self._folder / family
        if not path.exists():
            path.mkdir()
            getattr(self, f"_make_{family}")(path)
        return path

    def _make_distilbert(self, path: Path) -> None:
        sizes = DistilbertSizes(vocab_size=200, dim=16, n_layers=3, n_heads=2, hidden_dim=32)
        HfModel(HfDistilbert(scratch=sizes, max_length=32)).create(LABELS, TEXTS, 0, Remembering()).save(path)

    def _make_bert(self, path: Path) -> None:
        """Make an encoder without a head, and with the names that such files have."""
        sizes = BertSizes(
            vocab_size=200, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        )
        made = HfModel(HfEncoder(scratch=sizes, max_length=32)).create(LABELS, TEXTS, 0, Remembering())
        made.save(path)
        folder = Folder(path)
        folder.configure(architectures=["BertModel"], id2label=None, label2id=None, problem_type=None)
        weights = {name.removeprefix("bert."): tensor for name, tensor in load_file(path / "model.safetensors").items()}
        save_file(
            {n: t for n, t in weights.items() if "classifier" not in n}, path / "model.safetensors", {"format": "pt"}
        )

    def _make_albert(self, path: Path) -> None:
        self._make_with_words(path, transformers.AlbertForSequenceClassification, embedding_size=16)

    def _make_modernbert(self, path: Path) -> None:
        tokens = {f"{name}_token_id": 2 for name in ("bos", "eos", "cls", "sep")}
        self._make_with_words(path, transformers.ModernBertForSequenceClassification, local_attention=8, **tokens)

    def _make_with_words(self, path: Path, kind: Any, **own: Any) -> None:
        """Make a classifier of a family that has no vocabulary of its own to learn: with distilbert's."""
        tokenizer = transformers.AutoTokenizer.from_pretrained(self("distilbert"))
        tokenizer.save_pretrained(path)
        config = kind.config_class(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=32, pad_token_id=tokenizer.pad_token_id, **own,
        )  # fmt: skip
        torch.manual_seed(0)
        kind(config).save_pretrained(path)

    def _make_pieces(self, path: Path) -> None:
        """Make the distilbert once more, its weights in several files."""
        whole = transformers.DistilBertForSequenceClassification.from_pretrained(self("distilbert"))
        whole.save_pretrained(path, max_shard_size="10KB")
        for file in self("distilbert").glob("*token*"):
            shutil.copy(file, path)

    def _make_roberta(self, path: Path) -> None:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), ByteLevel()
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        tokenizer.train_from_iterator(TEXTS, trainer)
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
        wrapped = transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>",
            pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
        )  # fmt: skip
        wrapped.save_pretrained(path)
        config = transformers.RobertaConfig(
            vocab_size=400, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=34, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        )  # fmt: skip
        torch.manual_seed(0)
        transformers.RobertaForMaskedLM(config).save_pretrained(path)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoints:
    """Give a way to get the folder of a family's checkpoint, which nobody may change."""
    return Checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture
def spoiled(checkpoint: Checkpoints, tmp_path: Path) -> Callable[..., Folder]:
    """Give a way to get a copy of a checkpoint."""

    def copied(family: str = "distilbert") -> Folder:
        return Folder(shutil.copytree(checkpoint(family), tmp_path / family))

    return copied


@pytest.fixture
def reporter() -> Remembering:
    """Give a reporter that remembers."""
    return Remembering()


@pytest.fixture
def create(reporter: Remembering) -> Callable[..., Any]:
    """Give a way to start a classifier; settings of `hf-distilbert` unless the family is named."""

    def created(folder: Path, *, labels: Labels = LABELS, encoder: bool = False, seed: int = 0, **settings: Any) -> Any:
        kind = HfEncoder if encoder else HfDistilbert
        model = HfModel(kind(checkpoint=str(folder), **{"max_length": 32, **settings}))
        return model.create(labels, [], seed, reporter)

    return created
