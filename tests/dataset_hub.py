"""A small server on this machine that plays the Hub for datasets: their files by ranges, gates and branches."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from tests.calm_server import CalmServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
COPIES = "89abcdef0123456789abcdef0123456789abcdef"
CONVERTED = "refs/convert/parquet"
TOKEN = "hf_right"


@dataclass
class FakeDataset:
    """One repository: its files, and what the Hub has made of them."""

    id: str
    files: dict[str, bytes] = field(default_factory=dict)
    configs: list[dict[str, Any]] | None = None
    converted: dict[str, bytes] = field(default_factory=dict)
    is_gated: bool = False
    is_private: bool = False
    downloads: int = 10
    description: str = ""

    def as_json(self, revision: str) -> dict[str, Any]:
        files = self.converted if revision in (CONVERTED, COPIES) else self.files
        return {
            "id": self.id,
            "sha": COPIES if revision in (CONVERTED, COPIES) else COMMIT,
            "gated": "auto" if self.is_gated else False,
            "private": self.is_private,
            "downloads": self.downloads,
            "likes": 3,
            "tags": [],
            "description": self.description,
            "cardData": {"configs": self.configs} if self.configs else {},
            "siblings": [{"rfilename": name, "size": len(data)} for name, data in files.items()],
        }


class DatasetHub(CalmServer):
    """Answers on 127.0.0.1; ``address`` is its endpoint."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.datasets: dict[str, FakeDataset] = {}
        self.bytes_sent: dict[str, int] = {}
        """How much of each file has travelled."""
        self.tokens: set[str] = set()
        self.error = 0
        self.knows_ranges = True
        self.holds = threading.Event()
        """While it is clear, no file goes past its middle."""
        self.holds.set()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, dataset: FakeDataset) -> FakeDataset:
        self.datasets[dataset.id] = dataset
        return dataset

    def close(self) -> None:
        self.holds.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: DatasetHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlparse(self.path)
        words = [unquote(word) for word in parts.path.split("/") if word]
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        self.server.tokens |= {token} if token else set()
        if self.server.error:
            self._send(self.server.error, b"", {})
        elif words == ["api", "datasets"]:
            wanted = parse_qs(parts.query).get("search", [""])[0]
            found = [one.as_json("main") for one in self.server.datasets.values() if wanted in one.id]
            self._send_json(sorted(found, key=lambda one: -one["downloads"]))
        elif words[:2] == ["api", "datasets"]:
            self._send_info("/".join(words[2:4]), words[5] if words[4:5] == ["revision"] else "main", token)
        elif words[0] == "datasets" and words[3] == "resolve":
            self._send_file("/".join(words[1:3]), words[4], "/".join(words[5:]), token)
        else:
            self._send(404, b"", {})

    def _send_info(self, id: str, revision: str, token: str) -> None:
        dataset = self.server.datasets.get(id)
        if dataset is None or (dataset.is_private and token != TOKEN):
            self._refuse("RepoNotFound", 401 if not token else 404)
        elif revision not in ("main", "v2", COMMIT) and not (revision == CONVERTED and dataset.converted):
            self._refuse("RevisionNotFound", 404)
        else:
            self._send_json(dataset.as_json(revision))

    def _send_file(self, id: str, revision: str, name: str, token: str) -> None:
        dataset = self.server.datasets[id]
        files = dataset.converted if revision in (CONVERTED, COPIES) else dataset.files
        if dataset.is_gated and token != TOKEN:
            self._refuse("GatedRepo", 403)
        elif name not in files:
            self._refuse("EntryNotFound", 404)
        else:
            self._send_range(name, files[name], revision)

    def _send_range(self, name: str, data: bytes, revision: str) -> None:
        etag = hashlib.sha256(data).hexdigest()
        headers = {"X-Repo-Commit": revision, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        asked = self.headers.get("range", "").removeprefix("bytes=")
        status, body = 200, data
        if asked and self.server.knows_ranges:
            begin, _, end = asked.partition("-")
            first, last = int(begin), min(int(end or len(data) - 1), len(data) - 1)
            status, body = 206, data[first : last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self._send(status, body, headers, name)

    def _refuse(self, code: str, status: int) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def _send_json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str], name: str = "") -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(body) // 2
        try:
            self.wfile.write(body[:half])
            self.wfile.flush()
            self.server.holds.wait(60)
            self.wfile.write(body[half:])
        except OSError:  # whoever asked has gone
            self.close_connection = True
            return
        if name:
            self.server.bytes_sent[name] = self.server.bytes_sent.get(name, 0) + len(body)
