"""The pages of the documentation that a report points to."""

from __future__ import annotations

DOCS = "https://github.com/OWNER/clsfw/tree/main/docs"
"""OWNER as in `[project.urls]`, where a test looks."""

ABOUT = {
    "scores": "explanation/evidence.md#intervals",
    "training": "how-to/read-the-report.md",
    "classes": "how-to/imbalanced-classes.md",
    "leaks": "explanation/evidence.md#leaks",
    "parts": "explanation/evidence.md#parts-of-the-data",
    "confidence": "explanation/evidence.md#calibration",
    "mistakes": "explanation/evidence.md#mistakes",
}
"""What explains a section of the report, or a finding, by its name."""


def page(about: str) -> str | None:
    """Return the address of the page that explains a section or a finding, if there is one."""
    return f"{DOCS}/{ABOUT[about]}" if about in ABOUT else None
