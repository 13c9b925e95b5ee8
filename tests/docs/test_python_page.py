"""`docs/reference/python.md` is what the docstrings say.

`CLSFW_PAGES=1 pytest tests/docs/test_python_page.py` writes it.
"""

from __future__ import annotations

import inspect
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

import clsfw
from clsfw.evidence.predictions import PredictionTable

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = """# In Python

What the verbs do, for a script or a notebook. This page is made from the docstrings. What authors of plugins need is
on the pages [Hooks](hooks.md), [Protocols](protocols.md) and [The kit](kit.md).

```python
import clsfw

run = clsfw.run("quickstart")
print(run.scores["accuracy"], run.verdict)
worst = run.mistakes()[0]
table = run.predictions.to_pandas()
classifier = run.classifier()
print(classifier("a text of your own"))
```
"""


def section(title: str, thing: object) -> str:
    text = re.sub(r"\n(Raises|Returns):\n\n?", r"\n\1:\n\n", inspect.getdoc(thing) or "")
    lines = [re.sub(r"^    (\w+): ", r"- `\1`: ", line).removeprefix("    ") for line in text.splitlines()]
    return f"{title}\n\n" + "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def members(kind: type) -> list[str]:
    """Return the sections of what a class has under public names, its parents' too."""
    found = []
    for name in sorted({name for part in kind.__mro__[:-1] for name in vars(part) if not name.startswith("_")}):
        member = inspect.getattr_static(kind, name)
        if isinstance(member, (property, cached_property)):
            found.append(section(f"### {kind.__name__}.{name}", member))
        elif isinstance(member, classmethod) or inspect.isfunction(member):
            function = member.__func__ if isinstance(member, classmethod) else member
            found.append(section(f"### {kind.__name__}.{name}{without_self(function)}", function))
    return found


def without_self(function: object) -> str:
    shown = str(inspect.signature(function))  # type: ignore[arg-type]
    shown = re.sub(r"\((self|cls)(, )?", "(", shown)
    return re.sub(r"(: |-> )('|\")(.+?)\2(?= = |, |\)|$)", r"\1\3", shown)  # annotations are texts, and not shown so


def page() -> str:
    functions = (clsfw.run, clsfw.load, clsfw.compare, clsfw.study)
    parts = [BEGIN, *(section(f"## clsfw.{each.__name__}{without_self(each)}", each) for each in functions)]
    runs = (clsfw.FinishedRun, PredictionTable, clsfw.LoadedClassifier, clsfw.Comparison)
    for kind in (*runs, clsfw.FinishedStudy, clsfw.StudyComparison):
        parts += [section(f"## {kind.__name__}", kind), *members(kind)]
    return "\n".join(parts)


def test_the_python_page_is_what_the_docstrings_say(root: Path) -> None:
    path = root / "docs" / "reference" / "python.md"
    if os.environ.get("CLSFW_PAGES"):
        path.write_text(page(), encoding="utf-8")
    assert page() == path.read_text(encoding="utf-8")
