"""The reference pages are the contract: each heading is a signature, and the code has no other."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from typing import TYPE_CHECKING

import pytest

import clsfw
import clsfw.kit
from clsfw.contract import hooks as hookspecs
from clsfw.contract import parts as contracts
from clsfw.contract import run as run_contract
from clsfw.contract.component import Component
from clsfw.discovery.registration import HOOKS, register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def hooks_page(root):
    return (root / "docs/reference/hooks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def protocols_page(root):
    return (root / "docs/reference/protocols.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def kit_page(root):
    return (root / "docs/reference/kit.md").read_text(encoding="utf-8")


def signature(function: Callable[..., object]) -> str:
    """Write a signature as a person does: no self, no quotes round annotations, a context manager called so."""
    spec = inspect.signature(function)
    parameters = [p for name, p in spec.parameters.items() if name != "self"]
    text = re.sub(r"(: |-> )(['\"])(.*?)\2", r"\1\3", str(spec.replace(parameters=parameters)))
    text = text.replace("'", '"').replace("<factory>", "{}")
    return text.replace("-> Iterator[", "-> AbstractContextManager[") if hasattr(function, "__wrapped__") else text


def construction(value: type) -> str:
    return signature(value).removesuffix(" -> None")


def qualified(name: str) -> str:
    return f"clsfw.{name}" if name in clsfw.__all__ else name


def members(owner: type) -> Iterator[str]:
    """Yield the heading of each method and attribute that a protocol declares."""
    for name, value in vars(owner).items():
        if isinstance(value, property):
            yield f"{qualified(owner.__name__)}.{name}: {inspect.signature(value.fget).return_annotation}"
        elif inspect.isfunction(value) and not name.startswith("_"):
            yield f"{qualified(owner.__name__)}.{name}{signature(value)}"
    for name, annotation in vars(owner).get("__annotations__", {}).items():
        yield f"{qualified(owner.__name__)}.{name}: {annotation}"


def expected_protocol_headings() -> Iterator[str]:
    for module in (contracts, run_contract):
        for name, value in vars(module).items():
            if not inspect.isclass(value) or value.__module__ != module.__name__:
                continue
            if dataclasses.is_dataclass(value):
                yield f"{qualified(name)}{construction(value)}"
            else:
                yield from members(value)
    yield f"clsfw.Component{construction(Component)}"
    yield "clsfw.Settings()"


def expected_kit_headings() -> Iterator[str]:
    for name in clsfw.kit.__all__:
        value = getattr(clsfw.kit, name)
        if inspect.isfunction(value):
            yield f"clsfw.kit.{name}{signature(value)}"
        elif dataclasses.is_dataclass(value):
            yield f"clsfw.kit.{name}{construction(value)}"
            yield from (f"clsfw.kit.{heading}" for heading in members(value) if "(" in heading)
        else:
            yield f"clsfw.kit.{name}"


def test_the_headings_of_the_hooks_page_are_the_signatures(hooks_page):
    expected = [f"{name}{signature(getattr(hookspecs, name))}" for name in HOOKS]

    assert expected == re.findall(r"^## (.*)$", hooks_page, re.MULTILINE)


def test_every_hook_specification_is_known_to_discovery():
    specified = {name for name, value in vars(hookspecs).items() if hasattr(value, "clsfw_spec")}

    assert specified == set(HOOKS)


def test_the_headings_of_the_protocols_page_are_the_signatures(protocols_page):
    assert sorted(expected_protocol_headings()) == sorted(re.findall(r"^### (.*)$", protocols_page, re.MULTILINE))


def test_the_headings_of_the_kit_page_are_the_signatures(kit_page):
    assert sorted(expected_kit_headings()) == sorted(re.findall(r"^### (.*)$", kit_page, re.MULTILINE))


def test_the_examples_of_the_kit_page_run(kit_page, tmp_path, monkeypatch):
    from clsfw.testing import Listener

    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path))
    names = {}
    for code in re.findall(r"```python\n(.*?)```", kit_page, re.DOTALL):
        exec(code, names)

    assert "some\nwords\n" == names["vocabulary"](Listener())
    assert (tmp_path / "my-plugin/vocabulary/words.txt").is_file()


def test_the_kit_stays_about_twenty_names():
    assert len(clsfw.kit.__all__) <= 27


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_a_hook_is_a_plugin_that_registers(name, hooks_page):
    section = hooks_page.split(f"\n## {name}(")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = types.ModuleType("example")
    exec(compile(code, f"hooks.md: {name}", "exec"), vars(module))
    manager = register("example", module)

    assert 1 == len(getattr(manager.hook, name).get_hookimpls())


def test_the_example_metric_computes(hooks_page):
    import numpy as np

    section = hooks_page.split("\n## register_metrics(")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {}
    exec(code, names)
    (component,) = names["register_metrics"]()
    probabilities = np.array([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]], dtype=np.float32)
    outcome = clsfw.Outcome(np.array([1, 2]), np.array([0, 0]), probabilities, clsfw.Labels(("a", "b", "c")))

    assert {"top_2_accuracy": 0.5} == component.build(component.settings()).compute(outcome)
