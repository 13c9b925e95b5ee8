"""Every number of the catalogue of bad input has its case here, or a reason why there can be none."""

from __future__ import annotations

import re
from pathlib import Path

from support.data_faults import DATA_FAULTS
from support.model_faults import MODEL_FAULTS
from support.plugin_faults import PLUGIN_FAULTS
from support.recipe_faults import NOT_HERE, RECIPE_FAULTS

REASONS = {
    **NOT_HERE,
    49: "a plugin is code that the user installed and can write where the user can; the store writes the run directory "
    "from a fixed list of names, and the conformance kit tells authors what to leave alone",
    110: "no part of clsfw starts data-loading workers: texts are tokenized once, before the first step",
}


def test_every_number_is_tested_or_listed():
    tested = {fault.number for fault in (*RECIPE_FAULTS, *DATA_FAULTS)}
    tested |= {case["number"] for case in PLUGIN_FAULTS}
    tested |= {int(name.partition("-")[0]) for name, _, _ in MODEL_FAULTS}
    for file in Path(__file__).parent.glob("test_*.py"):
        for name in re.findall(r"def test_(\d+(?:_and_\d+)*)_", file.read_text(encoding="utf-8")):
            tested |= {int(number) for number in name.split("_and_")}

    assert set(range(1, 115)) == tested | set(REASONS)
    assert not tested & set(REASONS)
