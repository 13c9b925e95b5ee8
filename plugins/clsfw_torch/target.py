"""Where a run computes, with how many bits and threads: chosen once, shown, recorded, and never silently."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from clsfw import HostError
from clsfw_torch.freed import keep_freed_memory
from clsfw_torch.threads import allowed_threads, asked_threads, free_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clsfw import Reporter
    from clsfw_torch.settings import TorchTrainerSettings

Precision = Literal["fp32", "bf16", "tf32"]

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True)
class Target:
    """Device, precision, CPU threads, and whether the same bits are asked for on a GPU too."""

    device: torch.device
    precision: Precision
    threads: int
    deterministic: bool

    def facts(self) -> dict[str, object]:
        """Return what run.json should hold: all that the bits of the result hang on."""
        cuda = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if cuda else "cpu",
            "precision": self.precision,
            "threads": self.threads,
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "deterministic": self.deterministic or not cuda,
        }

    def autocast(self) -> torch.autocast:
        """Return the context of a forward pass: products in bf16 if that was chosen, weights and sums in float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def weights_cast_once(self) -> torch.autocast:
        """Return a context around forward and backward passes between which no weight changes: casts are kept in it."""
        # Autocast drops the weights that it cast where its outermost block ends. This one turns on nothing by itself.
        return torch.autocast(self.device.type, enabled=False)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Set torch's own switches for this target, and set them back."""
        threads, matmul = torch.get_num_threads(), torch.backends.cuda.matmul.fp32_precision
        strictness = torch.get_deterministic_debug_mode()
        # What names no device takes the current one; of several processes, not all may take the first GPU.
        current = torch.cuda.device(self.device) if self.device.type == "cuda" else contextlib.nullcontext()
        torch.set_num_threads(self.threads)
        torch.backends.cuda.matmul.fp32_precision = "tf32" if self.precision == "tf32" else "ieee"
        if self.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it starts
            torch.use_deterministic_algorithms(True)
        try:
            with current:
                yield
        finally:
            torch.set_num_threads(threads)
            torch.backends.cuda.matmul.fp32_precision = matmul
            torch.use_deterministic_algorithms(strictness > 0, warn_only=strictness == 1)


def choose_target(
    settings: TorchTrainerSettings, reporter: Reporter, begun: Mapping[str, object] | None = None
) -> Target:
    """Choose device, precision and threads, and show them; `begun` are the facts of the run that goes on, if one does.

    Raises:
        HostError: what the settings ask for is not there.

    """
    device, precision = require_device(settings)
    if precision == "bf16" and device.type == "cpu" and not _cpu_has_bf16():
        reporter.warn("this CPU has no bf16 arithmetic of its own, so precision 'bf16' is slower here than 'fp32'")
    threads, why = _threads(begun or {})
    target = Target(device, precision, threads, settings.full_determinism)
    where = target.facts()["device"]
    if device.type == "cpu":
        keep_freed_memory()
        where = f"{where}, {threads} {'thread' if threads == 1 else 'threads'}{why},"
    reporter.note(f"computing on {where} in {precision}")
    return target


def require_device(settings: TorchTrainerSettings) -> tuple[torch.device, Precision]:
    """Return device and precision, and see that they are there, before anything is done for them.

    Raises:
        HostError: they are not.

    """
    device = _device(settings.device)
    return device, _precision(settings.precision, device)


@contextlib.contextmanager
def memory_advice(target: Target, advice: Callable[[], str]) -> Iterator[None]:
    """Turn running out of memory into a `HostError`; `advice` goes on from "out of memory on cuda:0"."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as exc:
        if isinstance(exc, RuntimeError) and not any(words in str(exc) for words in _NO_MEMORY):
            raise
        raise HostError(f"out of memory on {target.device} {advice()}") from exc


def _device(asked: str) -> torch.device:
    if asked == "cpu" or (asked == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise HostError(
            f"device 'cuda': torch {torch.__version__} sees no CUDA device; "
            'install a CUDA build of torch, look at `nvidia-smi`, or use device = "auto"'
        )
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def _precision(asked: Literal["auto", "fp32", "bf16", "tf32"], device: torch.device) -> Precision:
    if device.type == "cpu":
        if asked == "tf32":
            raise HostError("precision 'tf32' is a format of NVIDIA GPUs; use 'bf16' or 'fp32' on the CPU")
        return ("bf16" if _cpu_has_bf16() else "fp32") if asked == "auto" else asked
    ampere = torch.cuda.get_device_capability(device) >= (8, 0)
    if asked in {"bf16", "tf32"} and not ampere:
        raise HostError(f"precision {asked!r} needs an NVIDIA GPU of 2020 or later; use 'fp32'")
    return ("bf16" if ampere else "fp32") if asked == "auto" else asked


def _cpu_has_bf16() -> bool:
    """Return whether bf16 products run on the chip: oneDNN also emulates them, which is slower than float32."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "").split()
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags) and torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001  # torch has no public name for it


def _threads(begun: Mapping[str, object]) -> tuple[int, str]:
    """Return what the user says, what the run began with, or what is free now, and how to say it."""
    allowed, before = allowed_threads(), begun.get("threads")
    asked = asked_threads()
    if asked is not None:
        return min(allowed, asked), ""
    if isinstance(before, int):  # another number has other bits
        return min(allowed, before), " as before"
    free = free_threads()
    if free == allowed:
        return free, ""
    return free, f" of {allowed}, as others keep the rest busy (set OMP_NUM_THREADS to choose)"
