"""What of the machine and its libraries a result can depend on, by an allow-list: no hosts, users or paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

LIBRARIES = (
    "clsfw",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "safetensors",
    "scikit-learn",
    "evaluate",
    "numpy",
    "pluggy",
    "pydantic",
)

CHOOSE_KERNELS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
)
"""Variables by which libraries take other instructions than the best that the processor has, and so give other bits."""


def environment() -> dict[str, object]:
    """Describe this process's surroundings: Python, machine, processors, matrix library, versions of libraries."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": processors(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "blas": blas(),
        "kernels": {name: os.environ[name] for name in CHOOSE_KERNELS if name in os.environ},
        "versions": versions,
    }


def blas() -> dict[str, object]:
    """Describe the library that multiplies numpy's matrices; its kernel and threads decide about the last bits.

    `library` is as in `openblas`, `kernel` the processor that its code was written for; empty where none is found.
    """
    import numpy as np  # noqa: F401  # loads the library, which is looked for then
    from threadpoolctl import threadpool_info

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    # Others may be loaded beside it, such as scipy's, or not yet; numpy's own is there whatever else runs.
    own = next((library for library in found if Path(library["filepath"]).parent.name.startswith("numpy")), None)
    if own is None:
        own = found[0] if found else {}
    told = {"library": "internal_api", "version": "version", "kernel": "architecture", "threads": "num_threads"}
    return {name: own[key] for name, key in told.items() if own.get(key) is not None}


def processors() -> int:
    """Count the processors that this process may use; a container's quota counts, the host's number does not."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
