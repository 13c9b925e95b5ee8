"""Where a run computes, with how many bits, and whose random numbers it must leave alone."""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers.utils.logging

from clsfw import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw_hf_trainer import HfTrainerSettings


@dataclass(frozen=True)
class Host:
    """The device and the precision of a run."""

    device: torch.device
    precision: str

    def facts(self) -> dict[str, object]:
        """Return what run.json should hold: all that the bits of the result hang on."""
        cuda = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if cuda else "cpu",
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        }

    def autocast(self) -> torch.autocast:
        """Return the context of a forward pass outside of `Trainer`, which has its own."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


def choose_host(settings: HfTrainerSettings) -> Host:
    """Choose the device.

    Raises:
        HostError: what the settings ask for is not there.

    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise HostError("hf-trainer trains in one process; without torchrun it runs, and gpu-trainer runs with it")
    cuda = torch.cuda.is_available()
    if settings.device == "cuda" and not cuda:
        raise HostError(
            f"device 'cuda': torch {torch.__version__} sees no CUDA device; "
            'install a CUDA build of torch, look at `nvidia-smi`, or use device = "auto"'
        )
    device = torch.device("cuda", 0) if cuda and settings.device != "cpu" else torch.device("cpu")
    if device.type == "cpu" and settings.precision == "tf32":
        raise HostError("precision 'tf32' is a format of NVIDIA GPUs; use 'bf16' or 'fp32' on the CPU")
    if device.type == "cuda" and settings.precision != "fp32" and torch.cuda.get_device_capability(device) < (8, 0):
        raise HostError(f"precision {settings.precision!r} needs an NVIDIA GPU of 2020 or later; use 'fp32'")
    return Host(device, settings.precision)


@contextmanager
def kept_randomness(device: torch.device) -> Iterator[None]:
    """Leave every global generator of random numbers as it was."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # the global one is what others draw from
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002  # as above


@contextmanager
def kept_switches(host: Host) -> Iterator[None]:
    """Keep transformers quiet, and set back what `Trainer` switches for the whole process."""
    logging: Any = transformers.utils.logging  # its functions carry no types
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    matmul, strictness = torch.backends.cuda.matmul.fp32_precision, torch.get_deterministic_debug_mode()
    benchmark, deterministic = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    torch.backends.cuda.matmul.fp32_precision = "tf32" if host.precision == "tf32" else "ieee"
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        torch.backends.cuda.matmul.fp32_precision = matmul
        torch.use_deterministic_algorithms(strictness > 0, warn_only=strictness == 1)
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = benchmark, deterministic
