"""Whether a checkpoint's own classification head serves the recipe's labels."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel

    from clsfw import Labels, Reporter

_UNNAMED = re.compile(r"LABEL_\d+\Z")


def without_foreign_head(
    weights: Mapping[str, torch.Tensor],
    skeleton: PreTrainedModel,
    own_labels: tuple[str, ...],
    labels: Labels,
    reporter: Reporter,
) -> dict[str, torch.Tensor]:
    """Keep a head that was trained for the recipe's labels; leave any other out, so that a new one is drawn.

    Args:
        weights: the checkpoint's tensors by name.
        skeleton: the model to be filled, which knows which names are its head.
        own_labels: the label names of the checkpoint's configuration.
        labels: the recipe's labels.
        reporter: gets which head is used, and why.

    """
    prefix = f"{skeleton.base_model_prefix}."
    head = {name: tensor.shape for name, tensor in skeleton.state_dict().items() if not name.startswith(prefix)}
    if not head.keys() <= weights.keys():
        reporter.note("the checkpoint has no classification head; a new one is drawn by the seed")
    else:
        fits = all(weights[name].shape == shape for name, shape in head.items())
        own, named = ([name.casefold() for name in names] for names in (own_labels, labels.names))
        if fits and own == named:
            reporter.note("the checkpoint's head is kept, for it has the same labels")
            return dict(weights)
        if fits and sorted(own) == sorted(named) and len(set(own)) == len(own):
            reporter.note(f"the checkpoint's head is kept; its labels are put in the order {_listed(labels.names)}")
            return _reordered(weights, skeleton, [own.index(name) for name in named])
        if fits and all(map(_UNNAMED.match, own_labels)):
            reporter.note(f"the checkpoint's head is kept; its unnamed labels are taken as {_listed(labels.names)}")
            return dict(weights)
        wanted = _listed(labels.names)
        reporter.warn(f"the checkpoint's head is for {_listed(own_labels)}; a new one is drawn for {wanted}")
    return {name: tensor for name, tensor in weights.items() if name not in head}


def _reordered(
    weights: Mapping[str, torch.Tensor], skeleton: PreTrainedModel, order: list[int]
) -> dict[str, torch.Tensor]:
    """Put the outputs of the head in another order: `order` has the checkpoint's class for each of the recipe's."""
    config = copy.deepcopy(skeleton.config)
    config.num_labels = len(order) + 1
    with torch.device("meta"):
        wider = type(skeleton)(config).state_dict()
    # What has another shape for one more label has an entry for each label, along the dimension that differs.
    given = dict(weights)
    for name, tensor in skeleton.state_dict().items():
        grown = [dim for dim, size in enumerate(tensor.shape) if wider[name].shape[dim] != size]
        if grown:
            given[name] = weights[name].index_select(grown[0], torch.tensor(order))
    return given


def _listed(names: tuple[str, ...], most: int = 6) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
