"""What `Trainer` changes for the whole process, and must be found again as it was."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers.utils.logging

if TYPE_CHECKING:
    from collections.abc import Iterator


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
def kept_switches() -> Iterator[None]:
    """Keep transformers quiet, and set back what `full_determinism` switches."""
    logging: Any = transformers.utils.logging  # its functions carry no types
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    strictness = torch.get_deterministic_debug_mode()
    benchmark, deterministic = torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        torch.use_deterministic_algorithms(strictness > 0, warn_only=strictness == 1)
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = benchmark, deterministic
