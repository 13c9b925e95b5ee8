"""The JSON Schemas of metrics.json and run.json are current, and true of what is written; as a script, write them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest
from support.facts import make_facts, make_options

from clsfw.evidence.assess import assess
from clsfw.evidence.content import RUN
from clsfw.evidence.decision import Decision
from clsfw.evidence.metrics import METRICS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
KINDS = {"metrics.schema.json": METRICS, "run.schema.json": RUN}


def schema_text(name):
    """Return a schema as its file holds it; `title` and `$schema` first."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **KINDS[name].json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def closed(node):
    """Return a schema that refuses every key it does not name, so that a forgotten one is seen."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: closed(value) for key, value in node.items()}
    return {**found, "additionalProperties": False} if isinstance(node.get("properties"), dict) else found


def problems(name, value):
    """Name what a value has that the schema does not."""
    validator = jsonschema.Draft202012Validator(closed(json.loads((FOLDER / name).read_text(encoding="utf-8"))))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("name", KINDS)
def test_the_schema_is_the_one_of_the_types(name):
    kept = json.loads((FOLDER / name).read_text(encoding="utf-8"))

    assert json.loads(schema_text(name)) == kept, f"run {Path(__file__).name} as a script"


@pytest.mark.parametrize(
    "shape",
    [
        {"decision": Decision(1.5, 0.4), "options": make_options(slices=["topic"])},
        {"names": ("a", "b", "c")},
        {"names": ("a", "b", "c"), "multi_label": True, "decision": Decision(0.5)},
        {"sizes": {"train": 9, "test": 9}},
        {"sizes": {"train": 30}, "predicted": ("train",)},
        {"sizes": {"train": 30, "validation": 20}, "predicted": ("validation",)},
    ],
)
def test_the_schema_names_every_key_of_a_metrics_json(shape):
    facts = make_facts(**{key: value for key, value in shape.items() if key != "options"})
    if "options" in shape:
        columns = {split: rows.add_column("topic", ["x"] * len(rows)) for split, rows in facts.data.items()}
        facts = facts.__class__(**{**vars(facts), "data": columns, "options": shape["options"]})

    assert [] == problems("metrics.schema.json", json.loads(json.dumps(assess(facts))))


def test_the_schemas_name_every_key_of_a_real_run(baseline):
    for name in KINDS:
        value = json.loads((baseline.directory / name.replace(".schema", "")).read_text(encoding="utf-8"))

        assert [] == problems(name, value)


def test_a_key_that_is_missing_or_new_is_seen(baseline):
    value = json.loads((baseline.directory / "metrics.json").read_text(encoding="utf-8"))
    del value["leaks"]["two_labels"]
    value["calibration"]["test"]["sharpness"] = 0.5

    assert 2 == len(problems("metrics.schema.json", value))


if __name__ == "__main__":
    for file in KINDS:
        sys.stdout.write(f"{(FOLDER / file).write_text(schema_text(file), encoding='utf-8')} characters in {file}\n")
