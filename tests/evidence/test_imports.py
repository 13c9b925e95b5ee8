from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import clsfw.cli.compare, clsfw.cli.reproduce
light = set(sys.modules)
import clsfw.evidence.assess, clsfw.evidence.compare, clsfw.evidence.reproduction, clsfw.evidence.verdict
import clsfw.report.html, clsfw.report.card
print(sorted({"numpy"} & light))
heavy = {"torch", "transformers", "datasets", "sklearn", "scipy", "evaluate", "matplotlib", "yaml", "pandas"}
print(sorted(heavy & set(sys.modules)))
"""


def test_evidence_and_report_load_nothing_heavy():
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["[]", "[]"]
