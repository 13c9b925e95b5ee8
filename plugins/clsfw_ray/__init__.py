"""The executor `ray`: pieces of work on the hosts of a Ray cluster, or on one that is started here."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from clsfw import Component, HostError, Settings, hookimpl

if TYPE_CHECKING:
    from clsfw import Executor

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")


class RaySettings(Settings):
    """Options of `ray`."""

    address: str | None = Field(
        default=None,
        description="HOST:PORT of a cluster's Ray Client server (port 10001 unless it was changed); without one the "
        "variable RAY_ADDRESS names a cluster, and without that Ray is started on this machine for as long as needed",
    )

    @field_validator("address")
    @classmethod
    def _check(cls, value: str | None) -> str | None:
        if value is not None and not _ADDRESS.fullmatch(value):
            raise ValueError(f"{value[:200]!r} is not HOST:PORT, as in ray://cluster.example:10001")
        return value


def build_ray(settings: RaySettings) -> Executor:
    """Build the executor."""
    if find_spec("ray") is None:
        raise HostError("executor 'ray' needs the package ray, which is not installed: pip install \"clsfw[ray]\"")
    from clsfw_ray.executor import RayExecutor

    return RayExecutor(settings.address)


@hookimpl
def register_executors() -> list[Component[Executor]]:
    """Contribute `ray`."""
    return [
        Component(
            name="ray",
            summary="a Ray cluster: the one of ray://HOST:PORT or RAY_ADDRESS, or one that is started on this machine",
            settings=RaySettings,
            build=build_ray,
        )
    ]
