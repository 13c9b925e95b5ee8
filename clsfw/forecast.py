"""All that can be known of a plan before training."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clsfw.contract.parts import TorchClassifier
from clsfw.engine.prepare import PreparedData, prepare_data, start_classifier
from clsfw.errors import HostError
from clsfw.evidence.findings import leaked
from clsfw.evidence.leakage import find_leaks, hash_texts
from clsfw.evidence.metrics import overlaps
from clsfw.kit.disk import require_space
from clsfw.kit.labels import references
from clsfw.kit.pairs import texts_of

if TYPE_CHECKING:
    from clsfw.discovery.parts import Needs
    from clsfw.recipe.plan import Plan
    from clsfw.report.display import Display

SAMPLE = 1_000
"""So many training texts are tokenized to estimate the share of truncated ones."""


def check(plan: Plan, display: Display) -> Needs | None:
    """Read the data, look at the model, and estimate what training will take, showing each fact on the display.

    What training needs is returned where the trainer can say.

    Raises:
        ClsfwError: whatever would stop a run before or at its first step.

    """
    for note in plan.notes:
        display.note(note)
    display.stage("loading libraries")
    parts = plan.build()
    data = prepare_data(plan, parts.source, display)
    display.stage("leaks")
    _tell_leaks(data, display)
    display.stage("looking at the model")
    for name, value in parts.model.check().items():
        if name != "parameters":  # of the built model they are counted below
            display.note(f"{name.replace('_', ' ')}: {value}")
    classifier = start_classifier(plan, parts, data.labels, data.parts["train"], display)
    total, trainable = parts.model.parameters(classifier)
    display.note(f"parameters: {total:,} in all, {trainable:,} trainable")
    if isinstance(classifier, TorchClassifier):
        display.note(_truncation(classifier, data))
    needs = parts.trainer.plan_training(len(data.parts["train"]), trainable)
    if needs is not None:
        display.stage("estimating training")
        _estimate(needs, display)
    return needs


def _tell_leaks(data: PreparedData, display: Display) -> None:
    found, leaks = find_leaks(
        {name: hash_texts(texts_of(part)) for name, part in data.parts.items()},
        {name: references(part, data.labels) for name, part in data.parts.items()},
        {name: part["row"] for name, part in data.parts.items()},
    )
    if leaks is not None and leaks.any():
        display.warn(leaked(int(leaks.sum()), len(leaks), "test", "training or validation"))
    lines = []
    for earlier, later, shared in overlaps(found):
        if shared["folded"]:
            lines.append(f"{shared['folded']} {later} text(s) also occur in {earlier}, {shared['exact']} exactly")
    if (twice := found.get("duplicates_in_train")) and twice["folded"]:
        lines.append(f"{twice['folded']} train text(s) occur more than once")
    if both := found["two_labels"]["folded"]:
        lines.append(f"{both} text(s) have two labels")
    for line in lines or ["no text occurs twice"]:
        display.note(line)


def _truncation(classifier: TorchClassifier, data: PreparedData) -> str:
    texts = list(islice(texts_of(data.parts["train"]), SAMPLE))
    tokenized = classifier.tokenize(cast("Any", texts))
    share = float(np.mean(tokenized.truncated))
    if not share and (longer := int((tokenized.tokens > classifier.max_length).sum())):
        return (
            f"of {len(texts):,} training texts, {longer:,} are longer than {classifier.max_length} tokens and will be "
            f"read in several windows; the median has {int(np.median(tokenized.tokens))}"
        )
    return (
        f"of {len(texts):,} training texts, {share:.1%} are longer than {classifier.max_length} tokens and will be "
        f"cut; the median has {int(np.median(tokenized.tokens))}"
    )


def _estimate(needs: Needs, display: Display) -> None:
    display.note(f"{needs.steps:,.0f} steps, {needs.epochs:,.2f} epochs")
    memory, disk = _size(needs.memory_bytes), _size(needs.disk_bytes)
    display.note(f"at least {memory} of memory, activations not counted; about {disk} of disk")
    have = _memory()
    if have is not None and needs.memory_bytes > have:
        raise HostError(
            f"training needs at least {memory} of memory, and {_size(have)} are here; "
            "take a smaller model, or train only a part of it"
        )
    require_space(Path.cwd(), int(needs.disk_bytes), "the checkpoints and the model")


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _memory() -> int | None:
    """Count the machine's memory in bytes, where the system says it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
