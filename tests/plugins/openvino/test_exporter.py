"""The exporter `openvino` tells its makers nothing."""

from __future__ import annotations

import os

from support.encoders import EXPORTABLE

from clsfw.testing import checks

CHECKS = checks("openvino", {"model": EXPORTABLE})


def test_nobody_is_told_of_an_export(monkeypatch):
    import openvino_telemetry

    monkeypatch.delenv("CI", raising=False)
    (check,) = [check for check in CHECKS if check.name == "what-it-exports-predicts"]
    check()

    assert not openvino_telemetry.Telemetry().consent
    assert "CI" not in os.environ
