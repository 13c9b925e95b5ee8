"""Exporter `openvino`: a torch classifier as an OpenVINO model.

This module holds the settings and stays light; the libraries are imported when an exporter is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from clsfw import Component, HostError, Settings, hookimpl

if TYPE_CHECKING:
    from clsfw import Exporter


class OpenvinoSettings(Settings):
    """Settings of `openvino`."""

    precision: Literal["fp32", "bf16", "int8"] = Field(
        default="fp32",
        description="bf16: computed so where the CPU can; int8: by NNCF, with scales out of training texts",
    )


def _build(settings: Any) -> Exporter:
    try:
        from clsfw_openvino.exporter import OpenvinoExporter
    except ImportError as exc:
        raise HostError(
            f"exporter 'openvino' needs {exc.name or 'openvino'}, which is not installed:"
            ' pip install "clsfw[openvino]"'
        ) from exc
    return OpenvinoExporter(settings)


@hookimpl
def register_exporters() -> list[Component[Exporter]]:
    """Contribute the exporter."""
    return [
        Component(
            name="openvino",
            summary="torch models as OpenVINO's, for the CPU: fp32, bf16 or int8",
            settings=OpenvinoSettings,
            build=_build,
        )
    ]
