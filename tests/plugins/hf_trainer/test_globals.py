"""What hf-trainer switches for all of the process is set back when it is done."""

from __future__ import annotations

import torch
from transformers.utils import logging

from clsfw_hf_trainer.globals import kept_switches


def test_how_much_transformers_says_is_set_back() -> None:
    before = logging.get_verbosity()
    with kept_switches():
        logging.set_verbosity(logging.CRITICAL)

    assert logging.get_verbosity() == before != logging.CRITICAL


def test_strict_determinism_is_set_back() -> None:
    with kept_switches():
        torch.use_deterministic_algorithms(True)

    assert torch.get_deterministic_debug_mode() == 0


def test_determinism_that_only_warns_is_set_back() -> None:
    torch.set_deterministic_debug_mode("warn")
    try:
        with kept_switches():
            torch.use_deterministic_algorithms(False)
        assert torch.get_deterministic_debug_mode() == 1
    finally:
        torch.set_deterministic_debug_mode("default")
