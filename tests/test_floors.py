"""The plan of the house, held by every import: nothing looks upwards, and plugins use what a stranger may use."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import clsfw

ROOT = Path(__file__).parents[1]
FLOORS: dict[str, int] = {
    "errors": 1,
    "contract": 1,
    "kit": 2,
    "process": 2,
    "discovery": 2,
    "pools": 3,
    "toml": 3,
    "startup": 1,
    "store": 3,
    "recipe": 4,
    "evidence": 5,
    "report": 6,
    "engine": 7,
    "inference": 8,
    "bulk": 8,
    "shipping": 8,
    "serving": 8,
    "testing": 8,
    "scaffold": 8,
    "forecast": 8,
    "studies": 8,
    "api": 8,
    "cli": 9,
    "__init__": 9,
    "__main__": 9,
}
"""Each room of the core with its floor; a room may import rooms below it, and those beside it on its own floor."""

LARGEST_CORE, MOST_CORE_FILES = 4_700, 34  # lines and files of what an engineer reads first

PUBLIC = ("clsfw", "clsfw.kit", "clsfw.testing")
LIBRARIES = {
    "clsfw_embed": {"clsfw_hf_encoders", "clsfw_runtime", "clsfw_torch"},
    "clsfw_gpu_trainer": {"clsfw_torch"},
    "clsfw_hf_decoders": {"clsfw_hf_encoders"},
    # The tokenization that an artifact repeats without transformers, and which architectures are packed.
    "clsfw_hf_encoders": {"clsfw_runtime", "clsfw_torch"},
    "clsfw_hf_trainer": {"clsfw_torch"},
    "clsfw_onnx": {"clsfw_runtime"},
    "clsfw_openvino": {"clsfw_runtime"},
    # Its actors start the very worker of `local`.
    "clsfw_ray": {"clsfw_executors"},
    "clsfw_sql": {"clsfw_csv"},
    # Windows of long texts, which an artifact repeats without torch.
    "clsfw_torch": {"clsfw_runtime"},
}


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports(path: Path) -> list[str]:
    """List the modules of clsfw and of bundled plugins that a file imports, for type checking too."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            known = [name for name in submodules if is_module(name)]
            found += known or [node.module]
    return [name for name in found if name.split(".")[0].startswith("clsfw")]


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def shown() -> dict[str, str]:
    """Return the Python that authors copy: templates of `clsfw new plugin`, examples, and blocks of the pages."""
    block = re.compile(r"^ *```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
    files = [*(ROOT / "clsfw/scaffold/templates").rglob("*.py.txt"), *(ROOT / "docs/examples").rglob("*.py")]
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        code = "\n".join(block.findall(page.read_text(encoding="utf-8")))
        if code:
            texts[str(page.relative_to(ROOT))] = code
    return dict(sorted(texts.items()))


SHOWN = shown()
CORE = sorted((ROOT / "clsfw").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))


def test_every_room_has_a_floor():
    rooms = {path.relative_to(ROOT / "clsfw").parts[0].removesuffix(".py") for path in CORE}

    assert rooms - {"recipes"} == set(FLOORS)


def test_the_core_can_be_read_in_an_afternoon():
    rooms = ("contract", "discovery", "store", "recipe", "engine")
    files = [ROOT / "clsfw/errors.py", *(path for path in CORE if path.relative_to(ROOT / "clsfw").parts[0] in rooms)]

    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= LARGEST_CORE
    assert len(files) <= MOST_CORE_FILES


def test_no_import_runs_upwards():
    upwards = []
    for path in CORE:
        own = path.relative_to(ROOT / "clsfw").parts[0].removesuffix(".py")
        for module in imports(path):
            other = room(module)
            if module.split(".")[0] == "clsfw" and FLOORS[other] > FLOORS[own]:
                upwards.append(f"{path.relative_to(ROOT)} imports {module}")

    assert upwards == []


def test_no_two_rooms_import_each_other():
    edges = set()
    for path in CORE:
        own = path.relative_to(ROOT / "clsfw").parts[0].removesuffix(".py")
        edges |= {(own, room(module)) for module in imports(path) if room(module) != own}

    assert sorted(edge for edge in edges if edge[::-1] in edges) == []


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_a_plugin_imports_what_a_stranger_may_import(path):
    own = path.relative_to(ROOT / "plugins").parts[0]
    strange = [
        name
        for name in imports(path)
        if name not in PUBLIC and name.split(".")[0] not in {own, *LIBRARIES.get(own, ())}
    ]

    assert strange == []


@pytest.mark.parametrize("name", SHOWN)
def test_what_authors_copy_uses_what_a_stranger_may_use(name):
    used = set(re.findall(r"\bclsfw\.(\w+)", SHOWN[name]))
    imported = set(re.findall(r"^ *from (clsfw\S*) import ", SHOWN[name], re.MULTILINE))

    assert used - {*clsfw.__all__, "kit", "testing"} == set()
    assert imported - set(PUBLIC) == set()


def test_what_authors_copy_is_found():
    folders = {name.split("/")[0] for name in SHOWN} | {"/".join(name.split("/")[:2]) for name in SHOWN}

    assert {"README.md", "clsfw/scaffold", "docs/examples", "docs/tutorials", "docs/how-to"} <= folders
