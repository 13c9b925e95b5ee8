"""How the processes of a run find each other, and notice that one of them is gone."""

from __future__ import annotations

import contextlib
import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from torch import distributed

from clsfw import HostError
from clsfw_gpu_trainer.distributed import Team, Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw_torch.target import Target

_FOR_WORDS = timedelta(days=7)
"""How long the others wait for a word: rank 0 scores, saves and writes meanwhile; a lost one is noticed otherwise."""
_SILENT_S = 30
"""A host that answers nothing for so long is lost."""
_OPEN = Path("/proc/self/fd")


def meet(target: Target) -> Team:
    """Meet the other processes that torchrun started, if there are any.

    Raises:
        HostError: this build of torch cannot, or the others were not found.

    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:  # torchrun sets it
        return Team()
    if not distributed.is_available():
        raise HostError("this build of torch has no torch.distributed; start one process, without torchrun")
    interface = _interface_to(os.environ.get("MASTER_ADDR", ""))
    if interface is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    try:
        distributed.init_process_group("nccl" if target.device.type == "cuda" else "gloo")
        control = distributed.new_group(backend="gloo", timeout=_FOR_WORDS)
    except (RuntimeError, ValueError) as exc:
        raise HostError(f"the processes that torchrun started did not find each other: {exc}") from exc
    _notice_silence()
    exact = target.device.type == "cpu" or target.deterministic
    return Team(distributed.get_rank(), distributed.get_world_size(), control, exact=exact)


def part(team: Team) -> None:
    """Let the others go and leave them."""
    if team.size == 1:
        return
    if team.rank == 0:
        with contextlib.suppress(HostError):  # whoever is lost already need not be told
            team.tell(Word.END)
    if distributed.is_initialized():
        distributed.destroy_process_group()


@contextlib.contextmanager
def joined(target: Target) -> Iterator[Team]:
    """Meet the others for as long as the block runs; raises as `meet`."""
    team = meet(target)
    try:
        yield team
    finally:
        part(team)


def _interface_to(address: str) -> str | None:
    """Return the network interface by which this host reaches an address, if that can be said.

    Left to itself gloo takes the one that the host's own name leads to, which on many hosts is the loopback interface.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 1))  # a datagram socket sends nothing here; the kernel picks the route
            own = probe.getsockname()[0]
        from fcntl import ioctl  # not on Windows

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            for _, name in socket.if_nameindex():
                with contextlib.suppress(OSError):  # an interface without an address
                    answer = ioctl(asked.fileno(), 0x8915, name.encode().ljust(256, b"\0"))  # SIOCGIFADDR
                    if socket.inet_ntoa(answer[20:24]) == own:
                        return name
    except (OSError, ImportError):
        pass
    return None


def _notice_silence() -> None:
    """Let the kernel close connections to a host that has gone silently: power or network lost.

    gloo has no such option, and by itself waits half an hour for data and for ever for a word.
    """
    if not _OPEN.is_dir() or not hasattr(socket, "TCP_USER_TIMEOUT"):  # not Linux
        return
    for entry in list(_OPEN.iterdir()):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as connection:  # or no socket
            if connection.type == socket.SOCK_STREAM and connection.family in {socket.AF_INET, socket.AF_INET6}:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_S // 3)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENT_S // 6)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_S * 1000)
