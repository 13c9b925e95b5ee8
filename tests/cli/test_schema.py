"""`clsfw schema`."""

from __future__ import annotations

import json

import jsonschema

from clsfw.cli import main


def test_it_prints_a_json_schema_and_nothing_else(capfd):
    assert 0 == main(["schema"])

    captured = capfd.readouterr()
    jsonschema.Draft202012Validator.check_schema(json.loads(captured.out))
    assert "" == captured.err


def test_one_component_alone(capfd):
    assert 0 == main(["schema", "--component", "csv"])

    assert {"const": "csv"} == json.loads(capfd.readouterr().out)["properties"]["use"]


def test_an_unknown_component_is_exit_code_2(capfd):
    assert 2 == main(["schema", "--component", "cvs"])

    captured = capfd.readouterr()
    assert "there is no component 'cvs'; did you mean 'csv'?" in captured.err
    assert "" == captured.out
