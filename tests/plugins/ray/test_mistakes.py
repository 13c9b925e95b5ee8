"""What goes wrong with `--on`: one message within seconds, the right exit code, and nothing was begun."""

from __future__ import annotations

import http.server
import importlib.util
import socket
import subprocess
import sys
import threading

import pytest

WORK_HERE = """
import sys
from functools import partial

from clsfw import Resources
from clsfw.cli import main
from clsfw.discovery.plugins import discover
from clsfw.pools import find_executor, opened

main(["list-plugins"])
with opened(find_executor("local", discover()), partial(int, "7"), 1, Resources(1)) as pool:
    pool.begin(0, None)
    pool.wait(60)
print([name for name in sys.modules if name.split(".")[0] == "ray"], file=sys.stderr)
"""


@pytest.fixture
def free_port() -> int:
    """Give a port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.mark.parametrize(
    ("on", "code", "words"),
    [
        ("rey", 2, "there is no executor 'rey'; did you mean 'ray'? available: 'local', 'ray'"),
        ("local://here:1", 2, "executor 'local' takes no address; give --on local"),
        ("ray://here", 2, "--on 'ray://here': value error, 'here' is not HOST:PORT"),
        ("ray://", 2, "is not HOST:PORT, as in ray://cluster.example:10001"),
        ("", 2, "there is no executor ''"),
    ],
)
def test_a_place_that_cannot_be_is_a_mistake_of_the_command(on, code, words, cli, tmp_path):
    answer = cli("study", "quickstart", "--set", "study.seeds=2", "--on", on, "--out", tmp_path / "s")

    assert (code, True) == (answer.code, words in answer.told), answer.told
    assert [] == list(tmp_path.iterdir())


def test_nobody_answers(free_port, cli, tmp_path, monkeypatch):
    for on, address in (("ray", f"127.0.0.1:{free_port}"), (f"ray://127.0.0.1:{free_port}", "")):
        monkeypatch.setenv("RAY_ADDRESS", address)
        answer = cli("study", "quickstart", "--set", "study.seeds=2", "--on", on, "--out", tmp_path / "s")

        assert (6, True) == (answer.code, f"127.0.0.1:{free_port}: " in answer.told), answer.told
        assert "no Ray cluster answers at" in answer.told
    assert [] == list(tmp_path.iterdir())


def test_ray_is_not_installed(cli, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("clsfw_ray.find_spec", lambda name: None if name == "ray" else found(name))

    answer = cli("study", "quickstart", "--set", "study.seeds=2", "--on", "ray", "--out", tmp_path / "s")

    assert (6, True) == (answer.code, 'which is not installed: pip install "clsfw[ray]"' in answer.told), answer.told


def test_ray_is_imported_by_nobody_who_does_not_use_it(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", WORK_HERE], capture_output=True, text=True, cwd=tmp_path, timeout=300, check=True
    )

    assert "[]" == result.stderr.splitlines()[-1]


@pytest.mark.parametrize("on", ["ray", "ray://127.0.0.1:{port}"])
def test_a_server_that_is_no_ray_is_told_within_seconds(on, cli, tmp_path, monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.server_port}")
        on = on.format(port=server.server_port)
        answer = cli("study", "quickstart", "--set", "study.seeds=2", "--on", on, "--out", tmp_path / "s")
    finally:
        server.shutdown()
        server.server_close()

    assert (6, True) == (answer.code, f"127.0.0.1:{server.server_port}: what listens there is" in answer.told)


def test_a_server_that_hangs_is_told_within_seconds(cli, tmp_path, monkeypatch):
    monkeypatch.setattr("clsfw_ray.answering._ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"ray://127.0.0.1:{silent.getsockname()[1]}"
        answer = cli("study", "quickstart", "--set", "study.seeds=2", "--on", where, "--out", tmp_path / "s")

    assert (6, True) == (answer.code, f"no Ray cluster answers at {where}: what listens" in answer.told), answer.told
