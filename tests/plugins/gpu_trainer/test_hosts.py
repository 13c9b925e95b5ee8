"""Two hosts, each with its own network, train one model under torchrun, as two processes of one host do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.hosts import Host, two_hosts
from support.together import content, run, wait_for_checkpoint

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    with two_hosts() as made:
        yield made


def torchrun(hosts: tuple[Host, Host], recipe: Path, *words: str) -> list[subprocess.Popen[str]]:
    """Give the same command on both hosts."""
    command = [Path(sys.executable).with_name("clsfw"), "run", recipe, "--out", recipe.parent / "hosts", *words]
    return [
        host.start(
            [
                sys.executable, "-m", "torch.distributed.run",
                "--nnodes", "2", "--node-rank", str(rank), "--nproc-per-node", "1",
                "--master-addr", hosts[0].address, "--master-port", "29511", "--no-python", *command,
            ],
            {"OMP_NUM_THREADS": "1"},
            recipe.parent,
        )
        for rank, host in enumerate(hosts)
    ]  # fmt: skip


def ended(started: list[subprocess.Popen[str]], seconds: float = 300) -> list[tuple[int, str]]:
    said = [process.communicate(timeout=seconds)[0] for process in started]
    return [(process.returncode, text) for process, text in zip(started, said, strict=True)]


@pytest.mark.slow
def test_a_host_that_is_lost_ends_all_and_the_same_command_continues_to_the_bits_of_one_host(
    hosts: tuple[Host, Host], recipe: Path
) -> None:
    longer = "trainer.max_steps=300"
    started = torchrun(hosts, recipe, "--set", longer)
    wait_for_checkpoint(recipe.parent / "hosts")
    hosts[1].kill()
    (code, said), _ = ended(started)

    assert (code, said.count("clsfw: error: ")) == (1, 1), said  # torchrun's own code
    assert "another process of this run, or its host, was lost (" in said
    assert json.loads((recipe.parent / "hosts/run.json").read_text())["state"] == "failed"

    given = ended(torchrun(hosts, recipe, "--set", longer))
    assert [code for code, _ in given] == [0, 0], given
    assert [code for code, _ in run(recipe, "alone", processes=1, changed={0: longer})] == [0]
    assert content(recipe.parent / "hosts") == content(recipe.parent / "alone")


@pytest.mark.slow
def test_two_hosts_give_the_bits_of_two_processes(hosts: tuple[Host, Host], recipe: Path) -> None:
    given = ended(torchrun(hosts, recipe))

    assert [code for code, _ in given] == [0, 0], given
    assert [code for code, _ in run(recipe, "one-host", processes=2)] == [0, 0]
    assert content(recipe.parent / "hosts") == content(recipe.parent / "one-host")
    assert json.loads((recipe.parent / "hosts/run.json").read_text())["training"]["processes"] == 2
    again = ended(torchrun(hosts, recipe))  # complete already: nobody waits
    assert [code for code, _ in again] == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("gone", [0, 1])
def test_a_cable_that_is_pulled_ends_both_hosts_within_a_minute(
    hosts: tuple[Host, Host], recipe: Path, gone: int
) -> None:
    started = torchrun(hosts, recipe, "--set", "trainer.max_steps=20000")
    wait_for_checkpoint(recipe.parent / "hosts")
    hosts[gone].unplug()

    for code, said in ended(started, seconds=120):
        assert (code, said.count("clsfw: error: ")) == (1, 1), said
        assert "another process of this run, or its host, was lost (" in said
