"""Checkpoints from a hub: a real client in a process of its own against a server on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from support.model_hub import ModelHub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TOKEN = "hf_" + "planted" * 5

_PROGRAM = """
import json, sys, time
slept = []
time.sleep = slept.append
from clsfw.errors import ClsfwError
from clsfw.contract.parts import Labels
from clsfw_hf_encoders import HfDistilbert
from clsfw_hf_encoders.model import HfModel
from support.reporting import Remembering

for line in sys.stdin:
    order = json.loads(line)
    reporter, model = Remembering(), HfModel(HfDistilbert(max_length=32, **order["settings"]))
    answer = {"error": None}
    try:
        if order["do"] == "check":
            answer["facts"] = dict(model.check())
        else:
            model.create(Labels(("NEGATIVE", "POSITIVE")), [], 0, reporter)
            answer["facts"] = dict(model.provenance())
    except ClsfwError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps({**answer, "notes": reporter.notes, "steps": reporter.steps, "slept": slept}), flush=True)
    slept.clear()
"""


class Client:
    """A process that uses a hub; kept, because its start takes seconds."""

    def __init__(self, hub: ModelHub, home: Any) -> None:
        self.hub, self.home = hub, home
        gone = {"HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
        environment = {name: value for name, value in os.environ.items() if name not in gone}
        environment |= {
            "HF_ENDPOINT": hub.server.base, "HF_HOME": str(home), "HF_TOKEN": _TOKEN, "HF_HUB_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, do: str = "create", **settings: Any) -> dict[str, Any]:
        del self.hub.server.requests[:]
        print(json.dumps({"do": do, "settings": settings}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("hub-cache")) as made:
        yield made


@contextmanager
def serving(home: Path) -> Iterator[Client]:
    """Give a client of a hub of its own."""
    hub = ModelHub()
    hub.server.start()
    made = Client(hub, home)
    try:
        yield made
    finally:
        made.process.stdin.close()
        made.process.wait(30)
        made.process.stdout.close()
        made.process.stderr.close()
        hub.server.stop()


def test_a_model_is_downloaded_once_and_its_commit_told(client: Client, checkpoint: Any) -> None:
    client.hub.add("good/model", checkpoint())

    first = client(checkpoint="good/model")
    fetched = [path for path in client.hub.server.paths() if "/resolve/" in path]
    second = client(checkpoint="good/model")

    assert (first["error"], second["error"]) == (None, None)
    assert first["facts"]["checkpoint"] == "good/model"
    assert first["facts"]["commit"] == "c" * 40
    assert first["notes"][0].startswith("downloading good/model (0 MB)")
    size = sum(file.stat().st_size for file in checkpoint().iterdir())
    assert first["steps"][-1] == ["downloading good/model", size, size, "bytes"]
    assert any("model.safetensors" in path for path in fetched)
    assert not any("/resolve/" in path for path in client.hub.server.paths())
    assert second["facts"] == first["facts"]


def test_weights_in_several_files_are_downloaded_and_cached(client: Client, checkpoint: Any) -> None:
    repository = client.hub.add("large/model", checkpoint("pieces"))
    pieces = sum(name.startswith("model-") for name in repository.files)

    first = client(checkpoint="large/model")
    fetched = [path for path in client.hub.server.paths() if "/resolve/" in path and "/model-" in path]
    second = client(checkpoint="large/model", revision="c" * 40)

    assert (first["error"], second["error"]) == (None, None)
    assert len(set(fetched)) == pieces > 2
    assert client.hub.server.requests == []


def test_of_weights_in_one_file_and_in_several_the_one_is_taken(client: Client, checkpoint: Any) -> None:
    repository = client.hub.add("both/model", checkpoint("pieces"))
    repository.files["model.safetensors"] = (checkpoint() / "model.safetensors").read_bytes()

    assert client(checkpoint="both/model")["error"] is None
    assert not any("/model-" in path for path in client.hub.server.paths())


def test_the_token_is_kept_from_models_that_do_not_ask_for_it(client: Client, checkpoint: Any) -> None:
    client.hub.add("public/model", checkpoint())

    assert client(checkpoint="public/model")["error"] is None
    assert not any("authorization" in request.headers for request in client.hub.server.requests)


def test_a_private_model_gets_the_token(client: Client, checkpoint: Any) -> None:
    client.hub.add("private/model", checkpoint(), needs_token=True)

    assert client(checkpoint="private/model")["error"] is None
    assert client.hub.server.requests[-1].headers["authorization"] == f"Bearer {_TOKEN}"


def test_the_check_leaves_the_weights_where_they_are(client: Client, checkpoint: Any) -> None:
    client.hub.add("checked/model", checkpoint())

    answer = client("check", checkpoint="checked/model")

    assert answer["facts"]["architecture"] == "distilbert"
    assert not any("model.safetensors" in path for path in client.hub.server.paths())


def test_a_pinned_commit_in_the_cache_needs_no_hub(client: Client, checkpoint: Any) -> None:
    client.hub.add("pinned/model", checkpoint())
    assert client(checkpoint="pinned/model", revision="c" * 40)["error"] is None

    assert client(checkpoint="pinned/model", revision="c" * 40)["error"] is None
    assert client.hub.server.requests == []


@pytest.mark.parametrize("pinned", [True, False])
def test_cached_weights_are_compared_with_their_hash_again(client: Client, checkpoint: Any, *, pinned: bool) -> None:
    repository = client.hub.add(f"me/kept-{pinned}", checkpoint())
    settings = {"checkpoint": f"me/kept-{pinned}", "revision": repository.commit if pinned else None}
    assert client(**settings)["error"] is None
    (blob,) = {file.resolve() for file in client.home.glob(f"hub/models--me--kept-{pinned}/**/model.safetensors")}
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    repository.refuses = (500, "")

    answer = client(**settings)

    assert answer["error"] == "ModelError"
    assert f"the cached model.safetensors is damaged; delete it and run again: {blob}" in answer["message"]


@pytest.mark.parametrize(
    ("name", "options", "settings", "kind", "words"),
    [
        ("misspelt/modell", None, {}, "ModelError", "no model 'misspelt/modell' at http"),
        ("gated/model", {"refuses": (403, "GatedRepo")}, {}, "ModelError", "gated/model is gated: accept its terms at"),
        ("banned/model", {"refuses": (403, "")}, {}, "ModelError", "no model 'banned/model'"),
        ("broken/model", {"refuses": (500, "")}, {}, "NetworkError", "answered with error 500"),
        ("old/model", {}, {"revision": "v9"}, "ModelError", "old/model has no revision 'v9'"),
        (
            "rotten/model",
            {"damaged": {"model.safetensors"}},
            {},
            "ModelError",
            "the cached model.safetensors is damaged",
        ),
    ],
)
def test_each_refusal_has_its_words(
    client: Client, checkpoint: Any, *, name: str, options: Any, settings: Any, kind: str, words: str
) -> None:
    if options is not None:
        client.hub.add(name, checkpoint(), **options)

    answer = client(checkpoint=name, **settings)

    assert answer["error"] == kind
    assert words in answer["message"]
    assert _TOKEN not in answer["message"]


@pytest.mark.parametrize(
    ("file", "words"), [("model.safetensors", "lacks model.safetensors"), ("config.json", "lacks")]
)
def test_files_are_looked_for_before_any_is_fetched(client: Client, checkpoint: Any, file: str, words: str) -> None:
    repository = client.hub.add("bare/model", checkpoint())
    del repository.files[file]

    answer = client(checkpoint="bare/model")

    assert answer["error"] == "ModelError"
    assert words in answer["message"]
    assert not any("/resolve/" in path for path in client.hub.server.paths())


def test_without_a_network_the_cache_serves_or_one_message_comes_at_once(checkpoint: Any, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.hub.add("kept/model", checkpoint())
        before = client(checkpoint="kept/model")
        client.hub.server.stop()

        cached, missing = client(checkpoint="kept/model"), client(checkpoint="never/seen")

    assert cached["facts"] == before["facts"]
    assert cached["notes"][0] == f"the hub is out of reach; using the cached copy of kept/model, commit {'c' * 40}"
    assert missing["error"] == "NetworkError"
    assert "give a local folder as checkpoint, or fill the cache once while online" in missing["message"]
    assert (cached["slept"], missing["slept"]) == ([], [])
