"""Two hosts on one machine: network namespaces with a cable between them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Host:
    """A network of its own, and what is started in it."""

    name: str
    address: str
    cable: str

    def start(self, line: list[str | Path], environment: Mapping[str, str], cwd: Path) -> subprocess.Popen[str]:
        """Start a command there; what it says on either stream is in its standard output."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *line],
            env={**os.environ, **environment},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self) -> list[int]:
        """Return the numbers of what runs there."""
        return [int(number) for number in _ip("netns", "pids", self.name).split()]

    def kill(self) -> None:
        """End all that runs there at once, as an operating system does that is shut down."""
        for number in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def unplug(self) -> None:
        """Pull the cable: nothing arrives any more, and nobody is told."""
        _ip("-n", self.name, "link", "set", self.cable, "down")


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Make two hosts that reach each other, and nothing else; the test is skipped where that is not allowed."""
    number = os.getpid()
    hosts = [Host(f"clsfw-{number}-{i}", f"10.83.{number % 250}.{i}", f"cable{i}") for i in (1, 2)]
    try:
        try:
            for host in hosts:
                _ip("netns", "add", host.name)
            one, two = hosts
            _ip("-n", one.name, "link", "add", one.cable, "type", "veth", "peer", two.cable, "netns", two.name)
            for host in hosts:
                _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", host.cable)
                _ip("-n", host.name, "link", "set", host.cable, "up")
                _ip("-n", host.name, "link", "set", "lo", "up")
        except (OSError, subprocess.CalledProcessError) as exc:
            why = exc.stderr.strip() if isinstance(exc, subprocess.CalledProcessError) else str(exc)
            pytest.skip(f"no network namespaces can be made here: {why}")
        yield one, two
    finally:
        for host in hosts:
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                host.kill()
                _ip("netns", "delete", host.name)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20).stdout
