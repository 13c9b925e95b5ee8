"""What of the machine and its libraries a result can depend on, by an allow-list: no hosts, users or paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def differences(before: Mapping[str, object], now: Mapping[str, object], where: str = "") -> list[str]:
    """List what differs between two nested records, as `versions.torch: '2.13.0' before, '2.14.0' now`."""
    found = []
    for key in sorted(set(before) | set(now)):
        old, new = before.get(key), now.get(key)
        name = f"{where}{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            found.extend(differences(old, new, f"{name}."))
        elif old != new:
            found.append(f"{name}: {old!r} before, {new!r} now")
    return found
