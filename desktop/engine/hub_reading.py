"""What a worker asks of the Hub: a search, a look at a repository, its first rows, its files. No code of it runs."""

from __future__ import annotations

import io
import queue
import re
import tempfile
import threading
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar

import pyarrow
from huggingface_hub import HfApi, hf_hub_download, hf_hub_url
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
    http_stream_backoff,
    logging,
)
from huggingface_hub.utils import tqdm as hub_bar  # type: ignore[attr-defined]
from pyarrow import parquet

from desktop.engine.hub_errors import hub_faults
from desktop.engine.hub_layout import converted_layout, kind_of_file, layout
from desktop.engine.hub_values import HubDataset, HubHit, HubPreview
from desktop.errors import AppError
from trainer_image.formats import Row, UnreadableFileError, read_rows, survey

CONVERTED = "refs/convert/parquet"
"""The branch in which the Hub keeps its own Parquet copies."""
_WAIT_S = 10.0
_HEAD, _LARGEST_HEAD = 256 << 10, 16 << 20
_BLOCK = 64 << 10
_SUMMARY = 300
_BLANKS = re.compile(r"\s+")
BEAT_S = 0.2
Token = str | None
T = TypeVar("T")

# What it says of its tries to go on would be written to the terminal that the app was started from.
logging.set_verbosity_error()  # type: ignore[no-untyped-call]


def task(name: str, *arguments: Any) -> Generator[None, None, Any]:
    """Do one of the asks below; says something five times a second, so that whoever waits can leave."""
    return (yield from _beating(lambda _: _ASKS[name](*arguments)))


def search(text: str, limit: int, token: Token) -> list[HubHit]:
    """Return the datasets that a search finds, the most downloaded first."""
    with hub_faults(text):
        found = HfApi(token=_given(token)).list_datasets(search=text, sort="downloads", limit=limit, full=True)
        return [
            HubHit(one.id, _summary(one.description), one.downloads or 0, one.likes or 0, bool(one.gated))
            for one in found
        ]


def look(repo: str, revision: str, token: Token) -> HubDataset:
    """Return what a repository holds at a revision, without fetching any of it."""
    api = HfApi(token=_given(token))
    with hub_faults(repo, revision):
        info = api.dataset_info(repo, revision=revision or None, files_metadata=True, timeout=_WAIT_S)
        sizes = {file.rfilename: file.size for file in info.siblings or []}
        card = vars(info.card_data) if info.card_data else {}
        configs, note, commit = layout(sizes, card.get("configs")), "", info.sha or ""
        has_program = f"{repo.rsplit('/', maxsplit=1)[-1]}.py" in sizes
        if not configs and not revision:
            with_copies = _converted(api, repo)
            if with_copies is not None:
                configs, commit = converted_layout(with_copies[0]), with_copies[1]
                note = "Tunedeck never runs a dataset's own program; these are the Hub's Parquet copies of its rows."
        elif has_program:
            note = "It has a program of its own, which Tunedeck never runs: its files are read as they are."
    if not configs:
        why = "it makes its rows with a program, which is never run" if has_program else "no file of a known kind"
        raise AppError(
            f"{repo} has no rows that can be read here: {why}.",
            "Choose another dataset, or fetch its files.",
            "bad_data",
        )
    return HubDataset(repo, revision, commit, configs, bool(info.gated), _summary(info.description), note)


def _converted(api: HfApi, repo: str) -> tuple[dict[str, int | None], str] | None:
    try:
        info = api.dataset_info(repo, revision=CONVERTED, files_metadata=True, timeout=_WAIT_S)
    except RevisionNotFoundError:
        return None
    return {file.rfilename: file.size for file in info.siblings or []}, info.sha or ""


def preview(repo: str, commit: str, files: Sequence[str], count: int, token: Token) -> HubPreview:
    """Return the first rows of a split, read from the beginning of its first file alone."""
    name = files[0]
    with hub_faults(repo, commit):
        remote = RemoteFile(hf_hub_url(repo, name, repo_type="dataset", revision=commit), token)
        try:
            rows = _parquet_head(remote, count) if kind_of_file(name) == ".parquet" else _text_head(remote, name, count)
        except (pyarrow.ArrowException, UnreadableFileError) as error:
            said = error.sentence if isinstance(error, UnreadableFileError) else f"{name} is no whole Parquet file."
            raise AppError(said, "Look at another split.", "bad_data") from error
    columns = tuple(dict.fromkeys(column for row in rows for column in row.value))
    return HubPreview(tuple(row.value for row in rows), columns, survey(rows).shape, remote.bytes_read)


_ASKS: Mapping[str, Callable[..., Any]] = {"search": search, "look": look, "preview": preview}


@dataclass(frozen=True)
class Come:
    """How much of the files has come."""

    number: int = 0
    name: str = ""
    bytes: int = 0


def fetch(repo: str, commit: str, files: Sequence[str], cache: Path, token: Token) -> Generator[Come, None, list[Path]]:
    """Bring files into the cache, and say how much has come."""

    def bring(come: list[Come]) -> list[Path]:
        class Bar(hub_bar):
            """Tells of bytes instead of drawing."""

            def __init__(self, *words: Any, **named: Any) -> None:
                super().__init__(*words, **{**named, "disable": True})  # type: ignore[no-untyped-call]
                self.update(named.get("initial") or 0)

            def update(self, n: float | None = 1) -> bool | None:
                come[0] = replace(come[0], bytes=come[0].bytes + int(n or 0))
                return None

        paths = []
        for number, name in enumerate(files, 1):
            come[0] = replace(come[0], number=number, name=name)
            with hub_faults(repo, commit):
                path = hf_hub_download(
                    repo,
                    name,
                    repo_type="dataset",
                    revision=commit,
                    cache_dir=cache,
                    token=_given(token),
                    tqdm_class=Bar,
                )
            paths.append(Path(path))
        return paths

    return (yield from _beating(bring, Come()))


def _beating(work: Callable[[list[Any]], T], first: Any = None) -> Generator[Any, None, T]:
    """Do work that blocks on a thread beside, and say meanwhile what it keeps in its list of one."""
    said: list[Any] = [first]
    ended = queue.SimpleQueue[tuple[bool, Any]]()

    def run() -> None:
        try:
            ended.put((True, work(said)))
        except Exception as error:  # raised again below, on the thread that the worker listens to
            ended.put((False, error))

    threading.Thread(target=run, daemon=True).start()
    while True:
        try:
            is_good, value = ended.get(timeout=BEAT_S)
        except queue.Empty:
            yield said[0]
            continue
        if not is_good:
            raise value
        result: T = value
        return result


class RemoteFile(io.RawIOBase):
    """A file on the Hub of which only those bytes travel that are read."""

    def __init__(self, url: str, token: Token) -> None:
        super().__init__()
        self._url, self._headers = url, build_hf_headers(token=_given(token))
        self._at, self.bytes_read = 0, 0
        self._size = self._ask_size()

    def _ask_size(self) -> int:
        with self._get(0, 1) as response:
            if response.status_code == 416:  # not even a first byte: it is empty
                return 0
            hf_raise_for_status(response)
            _, slash, total = response.headers.get("content-range", "").partition("/")
            if slash and total.isdigit():
                return int(total)
            return int(response.headers.get("content-length") or 0)

    def _get(self, begin: int, end: int) -> Any:
        headers = {**self._headers, "range": f"bytes={begin}-{end - 1}", "accept-encoding": "identity"}
        return http_stream_backoff("GET", self._url, headers=headers, timeout=_WAIT_S, max_retries=2)

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        data = bytearray()
        with self._get(self._at, self._at + wanted) as response:
            hf_raise_for_status(response)
            # A server that knows no ranges sends everything from the beginning.
            skip = self._at if response.status_code == 200 else 0
            for block in response.iter_bytes(_BLOCK):
                data += block
                if len(data) >= skip + wanted:
                    break
        piece = data[skip : skip + wanted]
        self.bytes_read += len(data)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        return self._size


def _parquet_head(remote: RemoteFile, count: int) -> list[Row]:
    buffered = io.BufferedReader(remote, _BLOCK)
    with parquet.ParquetFile(buffered, pre_buffer=False, buffer_size=_BLOCK) as file:
        batch = next(file.iter_batches(count), None)
        values: list[Mapping[str, Any]] = batch.to_pylist() if batch is not None else []
    return [Row(number, number, value) for number, value in enumerate(values, 1)]


def _text_head(remote: RemoteFile, name: str, count: int) -> list[Row]:
    """Read twice as much of the beginning until there are enough rows in it."""
    length = _HEAD
    while True:
        remote.seek(0)
        head = remote.read(length) or b""
        is_whole = len(head) >= remote.size()
        rows = list(_rows_in(head, name, count, is_whole))
        if len(rows) >= count or is_whole or length >= _LARGEST_HEAD:
            return rows
        length *= 2


def _rows_in(head: bytes, name: str, count: int, is_whole: bool) -> Iterator[Row]:
    path = PurePosixPath(name)
    if path.suffix == ".zip" and not is_whole:
        raise AppError(
            f"{path.name} is an archive, which cannot be looked into from afar.", "Add it first.", "bad_data"
        )
    if path.suffix == ".gz":
        head = zlib.decompressobj(wbits=31).decompress(head, _LARGEST_HEAD)
        path = path.with_suffix("")
    if not is_whole and path.suffix != ".json":
        head = head[: head.rfind(b"\n") + 1]
    with tempfile.TemporaryDirectory(prefix="tunedeck-head-") as folder:
        beginning = Path(folder) / path.name
        beginning.write_bytes(head)
        try:
            for item in islice(read_rows(beginning), count):
                if isinstance(item, Row):
                    yield item
        except UnreadableFileError:
            # What was cut off is missed at its end only.
            if is_whole:
                raise


def _given(token: Token) -> str | Literal[False]:
    """Return the token for the Hub's library, which without one is not to look for any on this machine."""
    return token or False


def _summary(text: str | None) -> str:
    return _BLANKS.sub(" ", text or "").strip()[:_SUMMARY]
