"""What `clsfw runs` knows of a directory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from clsfw.evidence.listing import ListedRun


@pytest.mark.parametrize(
    ("started", "began"),
    [
        ("2026-03-01T12:00:00+00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_when_a_run_began(started, began):
    assert began == ListedRun(Path("run"), "complete", started=started).began
