"""A small server that plays the Hugging Face Hub: models, their files, gates, breaks, ranges and uploads."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlparse

from tests.calm_server import CalmServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeModel:
    """One repository with one commit."""

    id: str
    files: dict[str, bytes] = field(default_factory=dict)
    gated: bool = False
    tags: tuple[str, ...] = ("license:apache-2.0",)
    downloads: int = 10
    parameters: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    private: bool = False
    task: str | None = "text-generation"
    """What the Hub says that it is for."""

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sha": COMMIT,
            "gated": "manual" if self.gated else False,
            "private": self.private,
            "pipeline_tag": self.task,
            "tags": list(self.tags),
            "downloads": self.downloads,
            "config": self.config,
            "safetensors": {"parameters": {"BF16": self.parameters}, "total": self.parameters}
            if self.parameters
            else None,
            "siblings": [self._sibling(name, data) for name, data in self.files.items()],
        }

    def _sibling(self, name: str, data: bytes) -> dict[str, Any]:
        sibling: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
        if is_large(name):
            sibling["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 100}
        return sibling


def is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin", ".gguf"))


class FakeHub(CalmServer):
    """Answers on 127.0.0.1; ``address`` is its endpoint."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: dict[str, FakeModel] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and headers of every request."""
        self.break_after: int | None = None
        """The next large file stops after so many bytes, once."""
        self.trickle: threading.Event | None = None
        """While set to an event that is clear, large files stop in the middle and wait for it."""
        self.token = "hf_right"
        """The one that may do everything."""
        self.reading_token = "hf_may_only_read"
        self.owner = "ada"
        """Whose the right token is."""
        self.sent: dict[str, bytes] = {}
        """Large files that have come, by their SHA-256."""
        self.bodies: list[bytes] = []
        """What else has come, as it came."""
        self.held: threading.Event | None = None
        """While set to an event that is clear, large files are taken in to their middle and wait for it."""
        self.error = 0
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, model: FakeModel) -> FakeModel:
        self.models[model.id] = model
        return model

    def close(self) -> None:
        for event in (self.trickle, self.held):
            if event:
                event.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_PUT(self) -> None:
        """Take in a large file, at the place that the batch named."""
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        length, oid = int(self.headers["Content-Length"]), self.path.rpartition("/")[2]
        data = self.rfile.read(length // 2)
        if self.server.held is not None:
            self.server.held.wait(60)
        data += self.rfile.read(length - len(data))
        if len(data) < length:  # whoever sent it has gone
            self.close_connection = True
        elif hashlib.sha256(data).hexdigest() == oid:
            self.server.sent[oid] = data
            self._send(200, b"", {})
        else:
            self._send(400, b"", {})

    def do_POST(self) -> None:
        """Take in what an upload consists of beside its large files."""
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.bodies.append(body)
        words = [word for word in urlparse(self.path).path.split("/") if word]
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        if self.server.error:
            self._send(self.server.error, b"", {})
        elif given != self.server.token:
            self._send(403 if given == self.server.reading_token else 401, b"", {})
        elif words == ["api", "repos", "create"]:
            self._create(json.loads(body))
        elif words == ["api", "validate-yaml"]:
            self._send_json({"errors": [], "warnings": []})
        elif words[-3:] == ["lfs", "objects", "batch"]:
            self._send_batch(json.loads(body))
        elif words == ["lfs", "verify"]:
            self._send(200 if json.loads(body)["oid"] in self.server.sent else 404, b"", {})
        elif "/".join(words[2:4]) not in self.server.models:
            self._refuse("RepoNotFound", 404)
        elif words[4] == "preupload":
            self._send_modes(json.loads(body))
        else:
            self._commit("/".join(words[2:4]), [json.loads(line) for line in body.splitlines()])

    def _create(self, asked: dict[str, Any]) -> None:
        id = f"{asked['organization'] or self.server.owner}/{asked['name']}"
        is_there = id in self.server.models
        if not is_there:
            self.server.add(FakeModel(id, private=asked.get("visibility") == "private"))
        self._send_json({"url": f"{self.server.address}/{id}", "name": id}, 409 if is_there else 200)

    def _send_modes(self, asked: dict[str, Any]) -> None:
        modes = [("lfs" if is_large(one["path"]) else "regular", one["path"]) for one in asked["files"]]
        self._send_json({"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False} for mode, path in modes]})

    def _send_batch(self, asked: dict[str, Any]) -> None:
        address = self.server.address
        objects: list[dict[str, Any]] = []
        for one in asked["objects"]:
            actions = {"upload": {"href": f"{address}/lfs/{one['oid']}"}, "verify": {"href": f"{address}/lfs/verify"}}
            objects.append(one if one["oid"] in self.server.sent else {**one, "actions": actions})
        self._send_json({"transfer": "basic", "objects": objects})

    def _commit(self, id: str, lines: list[dict[str, Any]]) -> None:
        files = self.server.models[id].files
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.sent[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self._send_json({"commitOid": COMMIT, "commitUrl": f"{self.server.address}/{id}/commit/{COMMIT}"})

    def _answer(self, *, with_body: bool) -> None:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        if self.server.error:
            self._send(self.server.error, b"", {})
            return
        parts = urlparse(self.path)
        words = [word for word in parts.path.split("/") if word]
        if words[:2] == ["api", "models"] and len(words) == 2:
            self._send_list(parse_qs(parts.query))
        elif words[:2] == ["api", "models"]:
            self._send_model("/".join(words[2:4]), words[4:])
        elif len(words) > 4 and words[2] == "resolve":
            self._send_file("/".join(words[:2]), words[3], "/".join(words[4:]), with_body=with_body)
        else:
            self._send(404, b"", {})

    def _send_list(self, query: dict[str, list[str]]) -> None:
        wanted = query.get("search", [""])[0].lower()
        found = [model.as_json() for model in self.server.models.values() if wanted in model.id.lower()]
        found.sort(key=lambda one: -one["downloads"])
        self._send_json(found[: int(query.get("limit", ["100"])[0])])

    def _send_model(self, id: str, rest: list[str]) -> None:
        model = self.server.models.get(id)
        if model is None:
            self._refuse("RepoNotFound", 404)
        elif rest[:1] == ["revision"] and rest[1] not in ("main", "v2", COMMIT):
            self._refuse("RevisionNotFound", 404)
        elif rest[:1] == ["tree"]:
            tree = [
                {"type": "file", "path": one["rfilename"], "size": one["size"], "oid": one["blobId"]}
                | (
                    {"lfs": {"oid": one["lfs"]["sha256"], "size": one["size"], "pointerSize": 100}}
                    if "lfs" in one
                    else {}
                )
                for one in model.as_json()["siblings"]
            ]
            self._send_json(tree)
        else:
            self._send_json(model.as_json())

    def _send_file(self, id: str, revision: str, name: str, *, with_body: bool) -> None:
        model = self.server.models.get(id)
        if model is None:
            self._refuse("RepoNotFound", 404)
            return
        if model.gated and self.headers.get("authorization") != f"Bearer {self.server.token}":
            self._refuse("GatedRepo", 401)
            return
        if name not in model.files:
            self._refuse("EntryNotFound", 404)
            return
        data = model.files[name]
        digest = hashlib.sha256(data) if is_large(name) else hashlib.sha1(data)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest.hexdigest()}"', "Accept-Ranges": "bytes"}
        if is_large(name):
            headers["X-Linked-Size"] = str(len(data))
            headers["X-Linked-Etag"] = headers["ETag"]
        code, start = 200, 0
        asked = self.headers.get("range", "")
        if asked.startswith("bytes="):
            code, start = 206, int(asked[6:].split("-")[0] or 0)
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(code, data[start:] if with_body else b"", headers, len(data) - start, large=is_large(name))

    def _refuse(self, code: str, status: int) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def _send_json(self, value: object, code: int = 200) -> None:
        self._send(code, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(
        self, code: int, body: bytes, headers: dict[str, str], length: int | None = None, *, large: bool = False
    ) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command == "HEAD":
            return
        server = self.server
        if large and server.break_after is not None:
            self.wfile.write(body[: server.break_after])
            server.break_after = None
            self.close_connection = True
            return
        if large and server.trickle is not None:
            half = len(body) // 2
            self.wfile.write(body[:half])
            self.wfile.flush()
            server.trickle.wait(60)
            body = body[half:]
        self.wfile.write(body)
