"""What all tests share: no network, a cache of their own, and the real data where it is at hand."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Set before any library reads them: no test may reach a network, and threads make tiny models slower.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_EVALUATE_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # else trainers take what is free, and other numbers give other bits
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # a trainer would set it too late here

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each child compiles the whole house again
os.fsync = lambda _: None  # no test cuts the power, and a run waits for the disk dozens of times

# A runner in the background or under nohup ignores some signals, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, signal.SIG_DFL)

pytest_plugins = [
    "support.baseline",
    "support.browser",
    "support.databases",
    "support.http_server",
    "support.many_files",
    "support.mistakes",
    "support.object_storage",
    "support.ray_cluster",
    "support.reporting",
    "support.small_run",
]

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of real reviews and real weights that may stand beside a checkout."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the real reviews and weights in ../shared, which is absent here")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test caches (downloads, tokens) away from the user's own cache."""
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path_factory.getbasetemp() / "clsfw-cache"))


@pytest.fixture
def fake_distribution(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that lays out a distribution as an installer does: its files beside a `.dist-info`."""

    def make(
        name: str, files: Mapping[str, str], entry_points: str, *, version: str = "1.2", requires: Sequence[str] = ()
    ) -> Path:
        site = tmp_path / "site"
        for path, text in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text, encoding="utf-8")
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            f"Version: {version}",
            *(f"Requires-Dist: {r}" for r in requires),
        ]
        (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[clsfw]\n{entry_points}\n", encoding="utf-8")
        return site

    return make
