"""Data sets from a hub: a real client in a process of its own against a server on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.http_server import Reply
from support.model_hub import ModelHub, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

FILMS = {
    "README.md": b"---\nlicense: mit\n---\n",
    "train.jsonl": b"".join(b'{"text": "film %d", "label": "%s"}\n' % (n, b"pn"[n % 2 : n % 2 + 1]) for n in range(60)),
    "test.jsonl": b'{"text": "fine", "label": "p"}\n{"text": "dull", "label": "n"}\n',
}
COMMIT = "c" * 40

_PROGRAM = """
import json, sys, time
slept = []
time.sleep = slept.append
from clsfw.errors import ClsfwError
from clsfw_hf_datasets import HfDatasetSettings
from clsfw_hf_datasets.source import HfDatasetSource
from support.reporting import Remembering

for line in sys.stdin:
    settings = HfDatasetSettings.model_validate(json.loads(line), context={"base_of": lambda _: "/recipes"})
    reporter, source = Remembering(), HfDatasetSource(settings)
    try:
        data = source.load(reporter)
        answer = {"rows": {split: len(part) for split, part in data.items()}, "provenance": dict(source.provenance())}
    except ClsfwError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps({**answer, "warnings": reporter.warnings, "slept": slept}), flush=True)
    slept.clear()
"""


class Client:
    """A process that uses a hub; kept, because its start takes seconds."""

    def __init__(self, hub: ModelHub, home: Any, **environment: str) -> None:
        self.hub = hub
        # A folder of that name where the process runs, not where the recipe stands, must not be taken instead.
        (home / "me" / "films").mkdir(parents=True)
        (home / "me" / "films" / "train.jsonl").write_bytes(b'{"text": "not from the hub", "label": "p"}\n')
        gone = {"HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
        kept = {name: value for name, value in os.environ.items() if name not in gone}
        kept |= {"HF_HOME": str(home / "hf"), "CLSFW_CACHE": str(home / "clsfw"), "HF_ENDPOINT": hub.server.base}
        kept |= {"PYTHONPATH": os.pathsep.join(sys.path), **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env=kept,
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, **settings: Any) -> dict[str, Any]:
        print(json.dumps(settings), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def end(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def hub() -> Iterator[ModelHub]:
    made = ModelHub()
    made.repositories["me/films"] = Repository(dict(FILMS))
    made.server.start()
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def client(hub: ModelHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(hub, tmp_path_factory.mktemp("home"))
    yield made
    made.end()


def test_a_data_set_comes_whole_with_its_commit(client: Client) -> None:
    answer = client(path="me/films")

    assert answer["rows"] == {"train": 60, "test": 2}
    assert answer["provenance"] | {"dataset": "me/films", "revision": COMMIT} == answer["provenance"]


def test_it_is_fetched_once(client: Client, hub: ModelHub) -> None:
    client(path="me/films")
    del hub.server.requests[:]
    client(path="me/films")

    assert [path for path in hub.server.paths() if path.endswith(".jsonl")] == []


def test_a_limit_of_rows_streams(client: Client) -> None:
    assert client(path="me/films", rows=5)["rows"] == {"train": 5, "test": 2}


def test_a_pinned_commit_is_asked_for(client: Client) -> None:
    assert client(path="me/films", revision=COMMIT)["provenance"]["revision"] == COMMIT


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"path": "me/none"}, "DataError", "no data set 'me/none' at http://127.0.0.1"),
        ({"path": "me/films", "revision": "v9"}, "DataError", "me/films: has no revision 'v9'"),
        (
            {"path": "me/films", "name": "large"},
            "DataError",
            "BuilderConfig 'large' not found",
        ),
        ({"path": "me/films", "text_column": "review"}, "DataError", "split 'train': no column 'review'"),
        ({"path": "me/fi--lms"}, "DataError", "neither a file or folder here nor a name on the hub"),
        ({"path": "me/gated"}, "NetworkError", "is gated; accept its terms"),
        ({"path": "me/broken"}, "NetworkError", "answered with error 500"),
        ({"path": "me/script"}, "DataError", "come out of a script, which is never run"),
        ({"path": "me/empty"}, "DataError", "me/empty: cannot be read: "),
    ],
    ids=str,
)
def test_what_the_hub_does_not_have_is_said(
    client: Client, hub: ModelHub, settings: dict[str, Any], error: str, words: str
) -> None:
    hub.repositories["me/gated"] = Repository({}, refuses=(403, "GatedRepo"))
    hub.repositories["me/broken"] = Repository({}, refuses=(500, ""))
    hub.repositories["me/script"] = Repository({"README.md": b"", "script.py": b"raise SystemExit"})
    hub.repositories["me/empty"] = Repository({"README.md": b""})
    answer = client(**settings)

    assert answer.get("error") == error, answer
    assert words in answer["message"]


def test_an_older_copy_is_not_taken_for_what_the_hub_fails_to_give(client: Client, hub: ModelHub) -> None:
    films = hub.repositories["me/moving"] = Repository(dict(FILMS))
    assert client(path="me/moving")["provenance"]["revision"] == COMMIT
    films.commit = "d" * 40
    hub.server.script(f"/datasets/me/moving/resolve/{films.commit}/README.md", Reply(403))

    answer = client(path="me/moving")

    assert answer.get("error") == "NetworkError", answer
    assert f"did not give its commit {films.commit}, and the newest copy in the cache is commit" in answer["message"]
    assert answer["message"].endswith(f"{COMMIT}; try again")


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give a client that has fetched the films when its hub goes away."""
    hub = ModelHub()
    hub.repositories["me/films"] = Repository(dict(FILMS))
    hub.server.start()
    made = Client(hub, tmp_path_factory.mktemp("home"))
    made(path="me/films")
    hub.server.stop()
    yield made
    made.end()


class TestWithoutHub:
    def test_the_cached_copy_is_used_with_a_warning(self, lonely: Client) -> None:
        answer = lonely(path="me/films")

        assert answer["rows"] == {"train": 60, "test": 2}
        assert answer["provenance"]["revision"] == COMMIT
        assert [f"the newest copy in the cache is used, commit {COMMIT}" in told for told in answer["warnings"]] == [
            True
        ]

    def test_a_cached_copy_that_is_pinned_needs_no_warning(self, lonely: Client) -> None:
        assert lonely(path="me/films", revision=COMMIT)["warnings"] == []

    @pytest.mark.parametrize("revision", ["d" * 40, "v1"])
    def test_another_revision_than_the_one_asked_for_is_not_used(self, lonely: Client, revision: str) -> None:
        answer = lonely(path="me/films", revision=revision)

        assert answer["error"] == "NetworkError"
        assert answer["message"].endswith(
            f"asked for is revision '{revision}', and the newest copy in the cache is commit {COMMIT}; "
            f'if that is meant, write revision = "{COMMIT}"'
        )

    def test_what_is_not_in_the_cache_is_one_line_without_a_pause(self, lonely: Client) -> None:
        answer = lonely(path="me/others")

        assert answer["error"] == "NetworkError"
        assert "cannot reach http://127.0.0.1" in answer["message"]
        assert answer["message"].endswith("give a local path, or run once with a network to fill the cache")
        assert answer["slept"] == []

    def test_a_limit_of_rows_must_go_to_fill_the_cache(self, lonely: Client) -> None:
        assert lonely(path="me/films", rows=5)["rows"] == {"train": 5, "test": 2}
        answer = lonely(path="me/others", rows=5)

        assert answer["message"].endswith("or run once with a network and without rows to fill the cache")


def test_offline_mode_asks_nobody(tmp_path: Any, hub: ModelHub) -> None:
    del hub.server.requests[:]
    client = Client(hub, tmp_path, HF_HUB_OFFLINE="1")
    answer = client(path="me/films")
    client.end()

    assert "HF_HUB_OFFLINE is set" in answer["message"]
    assert hub.server.requests == []
