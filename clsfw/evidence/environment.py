"""What of the machine and its libraries a result can depend on, by an allow-list: no hosts, users or paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform

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


def environment() -> dict[str, object]:
    """Describe this process's surroundings: Python, machine type, processors and the libraries' versions."""
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
        "versions": versions,
    }


def processors() -> int:
    """Count the processors that this process may use; a container's quota counts, the host's number does not."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
