"""Exporter `onnx`: a torch classifier as an ONNX model, run by ONNX Runtime.

This module holds the settings and stays light; the libraries are imported when an exporter is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from clsfw import Component, HostError, Settings, hookimpl

if TYPE_CHECKING:
    from clsfw import Exporter


class OnnxSettings(Settings):
    """Settings of `onnx`."""

    precision: Literal["fp32", "int8"] = Field(
        default="fp32", description="int8: whole-number weights, and activations made so as they come"
    )


def _build(settings: Any) -> Exporter:
    try:
        from clsfw_onnx.exporter import OnnxExporter
    except ImportError as exc:
        raise HostError(
            f"exporter 'onnx' needs {exc.name or 'onnx'}, which is not installed: pip install \"clsfw[onnx]\""
        ) from exc
    return OnnxExporter(settings)


@hookimpl
def register_exporters() -> list[Component[Exporter]]:
    """Contribute the exporter."""
    return [
        Component(
            name="onnx",
            summary="torch models as ONNX, run by ONNX Runtime: fp32 or int8",
            settings=OnnxSettings,
            build=_build,
        )
    ]
