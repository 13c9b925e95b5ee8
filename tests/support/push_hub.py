"""A hub on this machine that also takes pushes: repositories made, files by Git LFS, commits."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import yaml
from support.model_hub import ModelHub, Repository, answer_json, refuse

if TYPE_CHECKING:
    from support.http_server import Reply, Request

TOKEN = "hf_secretsecretsecret"
_LARGE = 1000  # bytes, as of `ModelHub`


class PushHub(ModelHub):
    """Lets `TOKEN` write to the namespace `me`; `faults` says which step of a push answers with which status."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads: dict[str, bytes] = {}
        self.faults: dict[str, Reply] = {}
        self.messages: list[str] = []

    def _answer(self, request: Request) -> Reply:
        path = request.path.split("?")[0].strip("/")
        step = self._step(path)
        if step in self.faults:
            return self.faults[step]
        if step == "upload":  # its address is secret, and takes no token
            self.uploads[path.rpartition("/")[2]] = request.body
            return answer_json({})
        given = request.headers.get("authorization")
        if given not in {None, f"Bearer {TOKEN}"}:
            return refuse(401, "", "Invalid credentials in Authorization header")
        if step == "reading":
            unknown = path.startswith("api/") and _named(path) not in self.repositories and given is not None
            return refuse(404, "RepoNotFound", "Repository not found") if unknown else super()._answer(request)
        if given is None:
            return refuse(401, "", "Invalid username or password.")
        return getattr(self, f"_{step}")(path, json.loads(request.body) if step != "commit" else request.body)

    @staticmethod
    def _step(path: str) -> str:
        steps = {
            "create": r"api/repos/create",
            "validate": r"api/validate-yaml",
            "preupload": r".*/preupload/main",
            "batch": r".*\.git/info/lfs/objects/batch",
            "upload": r"upload/.*",
            "commit": r".*/commit/main",
        }
        return next((step for step, pattern in steps.items() if re.fullmatch(pattern, path)), "reading")

    def _create(self, _: str, asked: dict[str, Any]) -> Reply:
        name = f"{asked.get('organization', 'me')}/{asked['name']}"
        if not name.startswith("me/"):
            return refuse(403, "", "You don't have the rights to create a model under this namespace")
        self.repositories[name] = Repository(
            {".gitattributes": b""}, private=asked.get("visibility") == "private" or bool(asked.get("private"))
        )
        return answer_json({"url": f"{self.server.base}/{name}"})

    def _validate(self, _: str, asked: dict[str, Any]) -> Reply:
        errors = metadata_errors(asked["content"])
        content = {"errors": [{"message": message} for message in errors], "warnings": []}
        return answer_json(content, 400 if errors else 200)

    def _preupload(self, path: str, asked: dict[str, Any]) -> Reply:
        files = self.repositories[_named(path)].files
        return answer_json(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if file["size"] > _LARGE else "regular",
                        "shouldIgnore": False,
                        "oid": _git_hash(files[file["path"]]) if file["path"] in files else None,
                    }
                    for file in asked["files"]
                ]
            }
        )

    def _batch(self, _: str, asked: dict[str, Any]) -> Reply:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.server.base}/upload/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        return answer_json({"transfer": "basic", "objects": objects})

    def _commit(self, path: str, body: bytes) -> Reply:
        repository = self.repositories[_named(path)]
        lines = [json.loads(line) for line in body.splitlines()]
        head = lines[0]["value"]
        if head.get("parentCommit") != repository.commit:
            return refuse(412, "", "A commit has happened since. Please refresh and try again.")
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                content = self.uploads[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
                repository.files[value["path"]] = content
            elif line["key"] == "deletedFile":
                del repository.files[value["path"]]
        self.messages.append(head["summary"])
        repository.commit = hashlib.sha1(body).hexdigest()
        return answer_json({"commitOid": repository.commit, "commitUrl": f"{self.server.base}/{_named(path)}/commit/x"})


def metadata_errors(card: str) -> list[str]:
    """Check the head of a card as the hub does: what must be there, and of which kind."""
    match = re.match(r"---\n(.*?\n)---\n", card, re.DOTALL)
    if match is None:
        return []  # the hub only warns of it
    try:
        head = yaml.safe_load(match[1])
    except yaml.YAMLError as exc:
        return [f"the metadata is not YAML: {exc}"]
    errors = []
    for number, model in enumerate(head.get("model-index", [])):
        place = f'"model-index[{number}]'
        errors += [] if isinstance(model.get("name"), str) else [f'{place}.name" is required']
        for n, result in enumerate(model.get("results", [])):
            inner = f"{place}.results[{n}]"
            for path, kind in (("task.type", str), ("dataset.type", str), ("dataset.name", str), ("metrics", list)):
                value: Any = result
                for part in path.split("."):
                    value = value.get(part) if isinstance(value, dict) else None
                errors += [] if isinstance(value, kind) and value else [f'{inner}.{path}" is required']
            for metric in result.get("metrics") or []:
                good = isinstance(metric.get("type"), str) and isinstance(metric.get("value"), (int, float))
                errors += [] if good else [f'{inner}.metrics" must have a type and a value']
    base = head.get("base_model")
    if base is not None and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", base):
        errors.append('"base_model" must be a model id')
    return errors


def _named(path: str) -> str:
    return "/".join(path.split("/")[2:4])


def _git_hash(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
