"""Which parameters train: freezing, and low-rank adapters by `peft`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import torch

from clsfw import HostError, ModelError
from clsfw_hf_encoders.four_bits import FourBits, pack_frozen

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from clsfw_hf_encoders import Lora

_ADAPTER = "default"  # the name that peft gives to the only adapter
_QUERY_AND_VALUE = (("q_lin", "v_lin"), ("query", "value"), ("query_proj", "value_proj"), ("q_proj", "v_proj"))


def head_modules(module: PreTrainedModel) -> dict[str, torch.nn.Module]:
    """Return what is on top of the encoder, by name."""
    return {name: child for name, child in module.named_children() if name != module.base_model_prefix}


def freeze(module: PreTrainedModel, what: str | int) -> None:
    """Freeze "embeddings", "encoder", or with a number the embeddings and so many first layers.

    Raises:
        ModelError: the model has fewer layers, or keeps them where they are not found.

    """
    encoder = module.base_model
    if what == "encoder":
        encoder.requires_grad_(requires_grad=False)
        return
    kind = type(module).__name__
    embeddings = getattr(encoder, "embeddings", getattr(encoder, "embed_tokens", None))
    if embeddings is None:
        raise ModelError(f"freeze: the embeddings of {kind} are not found; use freeze = 'encoder'")
    embeddings.requires_grad_(requires_grad=False)
    if isinstance(what, int):
        layers = _layers(encoder)
        if not layers:
            raise ModelError(f"freeze: the layers of {kind} are not found; use freeze = 'encoder' or 'embeddings'")
        if what > len(layers):
            raise ModelError(f"freeze = {what}: {kind} has {len(layers)} layers")
        for layer in layers[:what]:
            layer.requires_grad_(requires_grad=False)


def _layers(encoder: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the encoder's layers: the only list of modules that is as long as the model is deep."""
    for path in ("transformer.layer", "encoder.layer", "layers", "encoder.layers"):
        found: Any = encoder
        for part in path.split("."):
            found = getattr(found, part, None)
        if isinstance(found, torch.nn.ModuleList):
            return list(found)
    return []


def require_peft() -> None:
    """See that peft is installed.

    Raises:
        HostError: it is not.

    """
    if importlib.util.find_spec("peft") is None:
        raise HostError("[model.lora] needs the library peft: pip install 'clsfw[lora]'")


def add_lora(module: PreTrainedModel, lora: Lora) -> None:
    """Put adapters into the linear layers, in place; only they and the head stay trainable, in float32.

    Raises:
        HostError: peft is not installed, or bitsandbytes where weights are held in 4 bits.
        ModelError: the layers named are not in the model.

    """
    require_peft()
    import peft

    targets = lora.target_modules or _query_and_value(module)
    config = peft.LoraConfig(r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets)
    try:
        peft.inject_adapter_in_model(config, module, adapter_name=_ADAPTER)
    except ValueError as exc:
        raise ModelError(f"[model.lora] target_modules: {exc}") from exc
    for name, child in head_modules(module).items():
        if any("lora_" in parameter for parameter, _ in child.named_parameters()):
            raise ModelError(f"[model.lora] target_modules: {name!r} belongs to the head, which is trained as it is")
        child.requires_grad_()
    if lora.dtype == "bfloat16":
        for parameter in module.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.bfloat16()
    if lora.dtype == "nf4":
        pack_frozen(module)


def _query_and_value(module: PreTrainedModel) -> list[str]:
    """Return the layers that the LoRA paper adapts (arXiv 2106.09685, section 4.2), by the family's own names."""
    names = {name.rpartition(".")[2] for name, _ in module.named_modules()}
    for pair in _QUERY_AND_VALUE:
        if names.issuperset(pair):
            return list(pair)
    raise ModelError(f"[model.lora] target_modules: name the layers; {type(module).__name__} has no usual ones")


def merged_weights(module: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return the weights as float32 on the CPU, under the model's own names, with the adapters merged in."""
    weights: dict[str, torch.Tensor] = {}
    packed = {name: child for name, child in module.named_modules() if isinstance(child, FourBits)}
    for name, child in packed.items():
        weights[f"{name}.weight".replace(".base_layer.", ".")] = child.unpacked(torch.float32).cpu()
    for name, tensor in module.state_dict().items():
        owner, _, kind = name.rpartition(".")
        if ".lora_" not in name and not (owner in packed and kind in {"packed", "scales"}):
            value = tensor.detach().cpu()
            plain = value.float() if value.is_floating_point() else value
            weights[name.replace(".base_layer.", ".")] = plain.contiguous()
    for name, child in module.named_modules():
        if hasattr(child, "lora_A") and hasattr(child, "get_delta_weight"):
            weight = weights[f"{name}.weight"]
            weights[f"{name}.weight"] = weight + child.get_delta_weight(_ADAPTER).detach().cpu().to(weight.dtype)
    return weights
