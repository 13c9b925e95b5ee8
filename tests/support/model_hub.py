"""A model hub on this machine: what `huggingface_hub` asks for when `HF_ENDPOINT` points here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.http_server import LocalServer, Reply, Request

if TYPE_CHECKING:
    from pathlib import Path

_LARGE = 1000  # so many bytes make a file a large one, which the hub names by its SHA-256


@dataclass
class Repository:
    """A model on the hub; `refuses` is the status and the error code of every answer about it."""

    files: dict[str, bytes]
    commit: str = "c" * 40
    refuses: tuple[int, str] | None = None
    needs_token: bool = False
    private: bool = False
    damaged: frozenset[str] = field(default_factory=frozenset)
    """Files that are sent with a flipped byte."""


class ModelHub:
    """Answers for its repositories, and like the real hub says 401 about models that it does not know."""

    def __init__(self) -> None:
        self.server = LocalServer()
        self.repositories: dict[str, Repository] = {}
        self.server.otherwise(self._answer)

    def add(self, name: str, folder: Path, **options: object) -> Repository:
        """Publish a folder."""
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        self.repositories[name] = Repository(files, **options)  # type: ignore[arg-type]  # the fields of Repository
        return self.repositories[name]

    def _answer(self, request: Request) -> Reply:
        path = request.path.split("?")[0].strip("/").removeprefix("api/")
        path = path.removeprefix("models/").removeprefix("datasets/")
        name = "/".join(path.split("/")[:2])
        rest = path.split("/")[2:]
        repository = self.repositories.get(name)
        if repository is None:
            return refuse(401, "", "Invalid username or password.")
        refusal = _refusal(repository, request, rest)
        if refusal is not None:
            return refusal
        if rest[:1] == ["tree"]:
            return answer_json([_entry(file, body) for file, body in repository.files.items()])
        if rest[:1] == ["resolve"]:
            return self._file(repository, "/".join(rest[2:]))
        siblings = [{"rfilename": file, "size": len(body)} for file, body in repository.files.items()]
        return answer_json(
            {"id": name, "modelId": name, "sha": repository.commit, "private": repository.private, "siblings": siblings}
        )

    def _file(self, repository: Repository, file: str) -> Reply:
        if file not in repository.files:
            return refuse(404, "EntryNotFound", "Entry not found")
        body = repository.files[file]
        tag = _etag(body)
        if file in repository.damaged:
            body = body[:-1] + bytes([body[-1] ^ 1])
        return Reply(200, body, {"ETag": f'"{tag}"', "X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"})


def _refusal(repository: Repository, request: Request, rest: list[str]) -> Reply | None:
    if repository.refuses is not None:
        return refuse(*repository.refuses, "refused")
    if repository.needs_token and "authorization" not in request.headers:
        return refuse(401, "RepoNotFound", "Repository not found")
    if len(rest) > 1 and rest[1] not in {"main", repository.commit}:
        return refuse(404, "RevisionNotFound", f"Invalid rev id: {rest[1]}")
    return None


def _etag(body: bytes) -> str:
    if len(body) > _LARGE:
        return hashlib.sha256(body).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _entry(file: str, body: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": file, "size": len(body), "oid": _etag(body)[:40]}
    if len(body) > _LARGE:
        entry["lfs"] = {"oid": _etag(body), "size": len(body), "pointerSize": 134}
    return entry


def answer_json(content: object, status: int = 200) -> Reply:
    """Answer as the hub's API does."""
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


def refuse(status: int, code: str, message: str) -> Reply:
    """Refuse as the hub does."""
    headers = {"X-Error-Code": code} if code else {}
    return Reply(status, json.dumps({"error": message}).encode(), {**headers, "X-Error-Message": message})
