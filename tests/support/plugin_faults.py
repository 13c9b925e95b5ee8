"""Broken plugins as distributions: the cases of tests/discovery/data/catalogue.toml, and a way to lay one out."""

from __future__ import annotations

import tomllib
from pathlib import Path

PLUGIN_FAULTS = tomllib.loads(
    (Path(__file__).parents[1] / "discovery" / "data" / "catalogue.toml").read_text(encoding="utf-8")
)["case"]


def lay_out(case, fake_distribution):
    """Write the distributions of a case with the fixture `fake_distribution`; give the name of the broken module."""
    title = case["title"]
    module = "acme_" + title.replace("-", "_")
    fake_distribution(
        f"acme-{title}",
        {f"{module}.py": case["module"]},
        case.get("entry_points", f"{title} = {module}"),
        requires=case.get("requires", ()),
    )
    if "rival" in case:
        rival = "rival_" + title.replace("-", "_")
        name = case.get("rival_entry_point", title)
        fake_distribution(f"rival-{title}", {f"{rival}.py": case["rival"]}, f"{name} = {rival}", version="3.4")
    return module
