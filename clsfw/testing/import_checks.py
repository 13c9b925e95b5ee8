"""What is checked of a plugin as a whole, in a Python of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from clsfw.discovery.plugins import ALLOW_VARIABLE
from clsfw.errors import ContractError

if TYPE_CHECKING:
    from clsfw.discovery.plugins import Plugin

HEAVY = (
    *("torch", "transformers", "datasets", "sklearn", "evaluate", "accelerate", "peft", "tokenizers"),
    *("tensorflow", "jax", "keras", "spacy", "scipy", "pandas", "pyarrow", "matplotlib", "tensorboard"),
)
"""Libraries that take long to import; every command that looks at plugins would wait for them."""

_MARK = "clsfw.testing reports: "
_CHILD = f"""
import json, sys
from clsfw.discovery.plugins import discover
plugin = discover().named({{name!r}})
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print({_MARK!r} + json.dumps({{{{"heavy": heavy, "state": plugin.state, "reason": plugin.reason}}}}))
"""


def imports_lightly(plugin: Plugin) -> None:
    """To find the plugin imports no heavy library, and prints nothing on standard output."""
    environment = {**os.environ, ALLOW_VARIABLE: plugin.name, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _CHILD.format(name=plugin.name)]
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603  # our own Python with our own text
    printed, mark, report = child.stdout.rpartition(_MARK)
    if not mark:
        raise ContractError(f"{plugin}: Python ended while it was imported: {child.stderr.strip()[-500:]}")
    facts = json.loads(report)
    if facts["state"] != "ok":
        raise ContractError(f"{plugin} is {facts['state']}: {facts['reason']}")
    if facts["heavy"]:
        heavy = ", ".join(facts["heavy"])
        raise ContractError(
            f"{plugin}: importing it imports {heavy}; import that in `build`, or in a module that it imports"
        )
    if printed.strip():
        raise ContractError(f"{plugin}: importing it prints {printed.strip()[:100]!r}; use the reporter that load gets")


CHECKS = (imports_lightly,)
