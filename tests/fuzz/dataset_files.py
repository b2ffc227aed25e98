"""Files for the fuzzer: what its bytes are made into, what it begins with, and the words it tries."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import atheris
import pyarrow as pa
from pyarrow import parquet

ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".gz", ".zip", "")
_CONTROL = struct.Struct("<BBH")
"""The last bytes of an input: how it is packed, how its file is called, where it is cut and what is asked."""
_CUTS = 4000

COLUMNS = (
    *("messages", "conversations", "prompt", "completion", "question", "answer", "text", "instruction", "input"),
    *("output", "response", "chosen", "rejected", "label", "ranking", "responses", "scores", "completions", "labels"),
    *("problem", "tests", "schema", "preferred_output", "non_preferred_output", "system", "tools", "history", "id"),
)
TEXTS = (
    *("", " ", "a", "user", "assistant", "system", "human", "gpt", "true", "None", "#### 7", "7", "=1+2", "<|im_end|>"),
    *("\n\nHuman: a\n\nAssistant: b", "[INST]", "\ud800", "\u2028", "\ufffd", "Ã¤", "é" * 40, "word " * 60, "\0"),
)
_ROW = {"question": "How deep is the sea?", "answer": "Deep enough."}
_SAID = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Ahoy"}]
_ROWS: tuple[dict[str, Any], ...] = (
    _ROW,
    {"messages": [{"role": "system", "content": "Be brief."}, *_SAID], "tools": []},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, _SAID[1]]},
    {"messages": [_SAID[0], {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
    {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
    {"instruction": "Add", "input": "1 2", "output": "3"},
    {"prompt": "a", "completion": "b"},
    {"text": "Once upon a time."},
    {"prompt": _SAID[:1], "chosen": _SAID[1:], "rejected": [{"role": "assistant", "content": "No"}]},
    {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"},
    {"input": {"messages": _SAID[:1]}, "preferred_output": _SAID[1:], "non_preferred_output": _SAID[1:]},
    {"prompt": "a", "completion": "b", "label": True},
    {"prompt": "a", "responses": ["x", "y", "z"], "ranking": [2, 3, 1]},
    {"prompt": "a", "completions": ["s", "t"], "labels": [True, False]},
    {"problem": "1 + 1", "answer": "2", "tests": ["assert f() == 2"]},
)


@dataclass(frozen=True)
class File:
    """What one input comes to."""

    name: str
    content: bytes
    part: int
    """So many bytes are read at a time where lines can be read from anywhere."""
    asked: int
    """Which of the things is asked that can be asked of a file."""


def _encoded(encoding: str, mark: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda data: mark + data.decode("utf-8", "replace").encode(encoding, "replace")


def _zipped(data: bytes) -> bytes:
    """Pack into a zip of one, two or three members, split at a byte that no text has."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(data.split(b"\xfe", 2)):
            archive.writestr(("rows.jsonl", "more/rows.jsonl", "../readme.txt")[number], member)
    return packed.getvalue()


def _some_value(choice: atheris.FuzzedDataProvider, depth: int) -> Any:
    pick = choice.ConsumeIntInRange(0, 11 if depth else 7)
    if pick <= 2:
        return choice.PickValueInList(list(TEXTS))
    if pick == 3:
        return choice.ConsumeUnicode(12)
    if pick <= 7:
        return (None, choice.ConsumeBool(), choice.ConsumeIntInRange(-2, 5), 0.5)[pick - 4]
    if pick == 8:
        turn = {"role": choice.PickValueInList(list(TEXTS)), "content": _some_value(choice, depth - 1)}
        return turn if choice.ConsumeBool() else {"from": turn["role"], "value": turn["content"]}
    if pick == 9:
        return {choice.PickValueInList(list(COLUMNS)): _some_value(choice, depth - 1)}
    return [_some_value(choice, depth - 1) for _ in range(choice.ConsumeIntInRange(0, 4))]


def _some_rows(data: bytes) -> list[dict[str, Any]]:
    """Return rows that begin as rows of a known shape and are then damaged here and there."""
    choice = atheris.FuzzedDataProvider(data)
    rows = []
    for _ in range(choice.ConsumeIntInRange(1, 12)):
        row = dict(choice.PickValueInList(list(_ROWS)))
        for _ in range(choice.ConsumeIntInRange(0, 2)):
            row[choice.PickValueInList(list(row) + list(COLUMNS))] = _some_value(choice, 3)
        rows.append(row)
    return rows


def _as_lines(data: bytes) -> bytes:
    return "\n".join(json.dumps(row) for row in _some_rows(data)).encode()


def _as_array(data: bytes) -> bytes:
    return json.dumps({"version": 1, "data": _some_rows(data)}, indent=1).encode()


def _as_table(data: bytes) -> bytes:
    rows = _some_rows(data)
    names = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO(newline="")
    table = csv.writer(written, delimiter=",;\t|"[len(data) % 4], lineterminator=("\r\n", "\n")[len(data) % 2])
    cells = [[_cell(row.get(name, "")) for name in names] for row in rows]
    table.writerows([names, *cells])
    return written.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _as_parquet(data: bytes) -> bytes:
    """Return a table whose columns hold texts, or what their values are where Arrow takes them."""
    rows = _some_rows(data)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowException, UnicodeError, OverflowError):
            columns[name] = pa.array([_cell(value).encode("utf-8", "replace").decode() for value in values])
    packed = io.BytesIO()
    parquet.write_table(pa.table(columns), packed, compression="none", row_group_size=4)
    return packed.getvalue()


PACKINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data,
    lambda data: gzip.compress(data, 1),
    _zipped,
    lambda data: b"\xef\xbb\xbf" + data,
    _encoded("utf-16-le", b"\xff\xfe"),
    _encoded("utf-16-be"),
    _encoded("cp1252"),
    lambda data: data.replace(b"\n", b"\r\n"),
    _as_lines,
    _as_array,
    _as_table,
    _as_parquet,
    lambda data: gzip.compress(_as_table(data), 1),
    lambda data: gzip.compress(data, 1)[: max(1, len(data) // 2)],
)


def file_of(data: bytes) -> File:
    """Return the file that an input stands for."""
    body, control = data[: -_CONTROL.size], data[-_CONTROL.size :].rjust(_CONTROL.size, b"\0")
    packing, ending, part = _CONTROL.unpack(control)
    content = PACKINGS[packing % len(PACKINGS)](body)
    return File(f"rows{ENDINGS[ending % len(ENDINGS)]}", content, 1 + part % _CUTS, part // _CUTS)


def _input(body: bytes, packing: int = 0, ending: str = ".jsonl", asked: int = 0) -> bytes:
    return body + _CONTROL.pack(packing, ENDINGS.index(ending), 60 + asked * _CUTS)


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: each shape, and one of each kind of file."""
    for row in _ROWS:
        for asked in range(10):
            yield _input("".join(f"{json.dumps(row)}\n" for _ in range(5)).encode(), asked=asked)
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in _ROWS)
    bad = lines.replace(b"}\n", b",}\n", 3).replace(b'"user"', b'"usr"', 1) + b'{broken\n\n[1]\n"a"\n'
    table = b'question;answer\r\n"a ""b""";"two\r\nlines"\r\n' + "ä;ö;one too many\r\n".encode("cp1252")
    text = "One line.\n\nAnother paragraph.\u2028And more.\n".encode()
    for packing in range(8):
        yield _input(bad, packing)
        yield _input(table, packing, ".csv")
        yield _input(text, packing, ".txt")
        yield _input(b"[" + lines.strip().replace(b"\n", b",") + b"]", packing, ".json")
    yield _input(lines + b"\xfe" + bad + b"\xfe" + text, 2, ".zip")
    yield _input(b"prompt\tcompletion\na\tb\n=1\tNone\n", 0, ".tsv")
    yield _input(b'{"version": 1, "data": [' + b'{"text": "a"},' * 3 + b'{"text": "b"}]}', 0, ".json")
    yield _input(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    yield _input(b'{"text": ' + b"[" * 400 + b"]" * 400 + b"}\n")
    for packing in range(8, len(PACKINGS)):
        for first in range(0, 256, 16):
            yield _input(bytes((first * place * 7 + place) % 256 for place in range(90)), packing)
    whole = _as_parquet(bytes(range(200)))
    yield _input(whole, 0, ".parquet")
    yield _input(gzip.compress(lines), 0, ".gz")
    yield _input(_zipped(lines), 0, ".zip")


def words() -> Iterator[bytes]:
    """Yield what files are full of, and what is rare in them and matters."""
    yield from (f'"{name}": '.encode() for name in COLUMNS)
    yield from (json.dumps(text).encode() for text in TEXTS)
    yield from (text.encode("utf-8", "surrogatepass") for text in TEXTS if text)
    yield from (b'{"role": "user", "content": "', b'{"from": "human", "value": "', b'"tool_calls": [', b'"weight": 0')
    yield from (b"\r\n", b"\r", b"\n\n", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xe4")
    yield from (b"\\ud800", b"\\u0000", b"\\", b'""', b"},{", b"}\n{", b",}", b",]", b"NaN", b"Infinity", b"1e999")
    yield from (b"PAR1", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"\xfe", b"```", b"// a", b"/* a */", b"'")
    yield b"[" * 60
    yield b"9" * 60


def write_seeds(folder: Path) -> Path:
    """Put the inputs to begin with into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (folder / f"seed-{number:03}").write_bytes(seed)
    return folder


def write_dictionary(path: Path) -> Path:
    """Write the words as libFuzzer reads them."""
    lines = ("".join(f"\\x{byte:02x}" for byte in word[:60]) for word in dict.fromkeys(words()) if word)
    path.write_text("".join(f'"{line}"\n' for line in lines))
    return path
