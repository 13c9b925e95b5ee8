"""The reference pages are the contract: each heading is a signature, and the code has no other."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from typing import TYPE_CHECKING

import pytest

import clsfw
from clsfw.contract import hooks as hookspecs
from clsfw.contract import parts as contracts
from clsfw.contract.component import Component
from clsfw.discovery.registration import HOOKS, register
from clsfw.engine.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What the engine asks of the run; a trainer or a watcher has no business with it.
ENGINE_ONLY = {"notify", "seconds"}


@pytest.fixture(scope="module")
def hooks_page(root):
    return (root / "docs/reference/hooks.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def protocols_page(root):
    return (root / "docs/reference/protocols.md").read_text(encoding="utf-8")


def signature(function: Callable[..., object]) -> str:
    """Write a signature as a person does: no self, no quotes round annotations."""
    spec = inspect.signature(function)
    parameters = [p for name, p in spec.parameters.items() if name != "self"]
    return str(spec.replace(parameters=parameters)).replace("'", "")


def qualified(name: str) -> str:
    return f"clsfw.{name}" if name in clsfw.__all__ else name


def members(owner: type) -> Iterator[str]:
    """Give the heading of each method and attribute that a protocol declares."""
    for name, value in vars(owner).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            yield f"{qualified(owner.__name__)}.{name}{signature(value)}"
    for name, annotation in vars(owner).get("__annotations__", {}).items():
        yield f"{qualified(owner.__name__)}.{name}: {annotation}"


def expected_protocol_headings() -> Iterator[str]:
    for name, value in vars(contracts).items():
        if not inspect.isclass(value) or value.__module__ != contracts.__name__:
            continue
        if dataclasses.is_dataclass(value):
            yield f"{qualified(name)}{signature(value).removesuffix(' -> None')}"
        else:
            yield from members(value)
    yield f"clsfw.Component{signature(Component).removesuffix(' -> None')}"
    yield "clsfw.Settings()"
    for name, value in vars(Run).items():
        if isinstance(value, property):
            yield f"Run.{name}: {inspect.signature(value.fget).return_annotation}"
        elif inspect.isfunction(value) and not name.startswith("_") and name not in ENGINE_ONLY:
            yield f"Run.{name}{signature(value)}"


def test_the_headings_of_the_hooks_page_are_the_signatures(hooks_page):
    expected = [f"{name}{signature(getattr(hookspecs, name))}" for name in HOOKS]

    assert expected == re.findall(r"^## (.*)$", hooks_page, re.MULTILINE)


def test_every_hook_specification_is_known_to_discovery():
    specified = {name for name, value in vars(hookspecs).items() if hasattr(value, "clsfw_spec")}

    assert specified == set(HOOKS)


def test_the_headings_of_the_protocols_page_are_the_signatures(protocols_page):
    assert sorted(expected_protocol_headings()) == sorted(re.findall(r"^### (.*)$", protocols_page, re.MULTILINE))


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
