"""What a study leaves, for comparison with another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.kit import manifest

if TYPE_CHECKING:
    from pathlib import Path


def bytes_of(study: Path, *, begun: bool = True) -> dict[str, str]:
    """Hash what a study ends with, but for what comes from a clock; `begun.json` holds how many jobs it had."""
    kept = ["study.json", "chosen.json", "metrics.json", "predictions.csv", "history.jsonl"]
    kept += ["begun.json"] if begun else []
    files = [p for p in study.rglob("*") if p.name in kept or p.parent.name in {"model", "trials"}]
    return {str(path.relative_to(study)): manifest.sha256(path) for path in files}
