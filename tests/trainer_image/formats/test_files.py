"""What a file is goes by what is in it: format, encoding, archive; and what is no dataset is refused in a sentence."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer_image.formats import (
    ReadOptions,
    Row,
    RowProblem,
    UnreadableFileError,
    is_parquet,
    look_at,
    read_rows,
)

ONE = {"prompt": "Grüß Gott", "completion": "Servus 🦊"}
TWO = {"prompt": "Why?", "completion": "Because."}
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (ONE, TWO))


def _write(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def _values(path: Path, options: ReadOptions | None = None) -> list[object]:
    items = read_rows(path, options) if options else read_rows(path)
    return [item.value if isinstance(item, Row) else item.kind for item in items]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.txt", "rows.csv", "rows", "rows.data"])
def test_content_decides_and_not_the_ending(name: str, tmp_path: Path) -> None:
    assert _values(_write(tmp_path / name, LINES)) == [ONE, TWO]
    assert look_at(tmp_path / name).format == "jsonl"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.txt", "rows"])
def test_an_array_is_one_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    assert _values(_write(tmp_path / name, json.dumps([ONE, TWO], indent=2))) == [ONE, TWO]


@pytest.mark.parametrize("name", ["rows.txt", "rows.json", "rows", "rows.dat"])
def test_a_table_with_known_columns_is_one_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    assert _values(_write(tmp_path / name, "prompt;completion\nWhy?;Because.\n")) == [TWO]


def test_prose_is_no_json_for_beginning_with_a_bracket(tmp_path: Path) -> None:
    assert _values(_write(tmp_path / "play.txt", "[Scene 1]\n\nEnter a fox.")) == [
        {"text": "[Scene 1]"},
        {"text": "Enter a fox."},
    ]


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.txt"])
def test_every_encoding_of_every_format(encoding: str, name: str, tmp_path: Path) -> None:
    prompt = "Zürich – „naïve“ €, und so weiter und so fort"
    row = {"prompt": prompt, "completion": "Ja."}
    text = {
        "rows.jsonl": json.dumps(row, ensure_ascii=False) + "\n",
        "rows.json": json.dumps([row], ensure_ascii=False),
        "rows.csv": f'prompt,completion\r\n"{prompt}",Ja.\r\n',
        "rows.txt": prompt,
    }[name]
    wanted = {"text": prompt} if name == "rows.txt" else row
    path = _write(tmp_path / name, text, encoding)
    assert _values(path) == [wanted]
    # A mark of UTF-16 does not say on which side the zeros are.
    assert look_at(path).encoding == encoding


def test_one_broken_letter_is_the_problem_of_its_row(tmp_path: Path) -> None:
    good = json.dumps({"text": "Füchse und Bären"}, ensure_ascii=False).encode()
    content = good + b'\n{"text": "F\xfcchse"}\n' + good + b"\n"
    items = list(read_rows(_write(tmp_path / "rows.jsonl", content)))
    assert [type(item) for item in items] == [Row, RowProblem, Row]
    assert isinstance(items[1], RowProblem)
    assert (items[1].line, items[1].kind) == (2, "broken_letters")
    array = _write(tmp_path / "rows.json", b"[" + good + b',{"text": "F\xfcchse"},' + good + b"]")
    assert [type(item) for item in read_rows(array)] == [Row, RowProblem, Row]
    table = _write(tmp_path / "rows.csv", "text\nFüchse und Bären\n".encode() + b"F\xfcchse\nB\n")
    assert [type(item) for item in read_rows(table)] == [Row, RowProblem, Row]


def test_one_odd_byte_is_the_problem_of_its_row(tmp_path: Path) -> None:
    lines = [b'{"text": "All of this is plain English."}'] * 60
    lines[7] = lines[7].replace(b"plain", b"pl\x81in")
    items = list(read_rows(_write(tmp_path / "rows.jsonl", b"\n".join(lines))))
    assert [item.line for item in items if isinstance(item, RowProblem)] == [8]


def test_windows_letters_are_said(tmp_path: Path) -> None:
    facts = look_at(_write(tmp_path / "rows.csv", "text\nBär\n", "cp1252"))
    assert any("Windows-1252" in note for note in facts.notes)


def test_lines_of_all_systems(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        path = _write(tmp_path / "rows.jsonl", LINES.replace("\n", end))
        assert [item.line for item in read_rows(path)] == [1, 2]
        path = _write(tmp_path / "rows.csv", f"text{end}a{end}b{end}")
        assert [item.line for item in read_rows(path)] == [2, 3]
        path = _write(tmp_path / "rows.txt", f"a{end}b{end}{end}c")
        assert list(read_rows(path)) == [Row(1, 1, {"text": "a\nb"}), Row(4, 2, {"text": "c"})]


def test_text_by_line_and_whole(tmp_path: Path) -> None:
    path = _write(tmp_path / "book.txt", "\none\ntwo\n\nthree\n")
    by_line = list(read_rows(path, ReadOptions(text_by="line")))
    assert [(item.line, item.value) for item in by_line if isinstance(item, Row)] == [
        (2, {"text": "one"}),
        (3, {"text": "two"}),
        (5, {"text": "three"}),
    ]
    assert list(read_rows(path, ReadOptions(text_by="file"))) == [Row(2, 1, {"text": "one\ntwo\n\nthree"})]


def test_a_line_of_megabytes(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "x" * 3_000_000}, {"role": "assistant", "content": "y"}]}
    assert _values(_write(tmp_path / "rows.jsonl", json.dumps(row))) == [row]
    assert _values(_write(tmp_path / "rows.json", json.dumps([row, TWO]))) == [row, TWO]
    assert _values(_write(tmp_path / "rows.csv", "text\n" + "z" * 3_000_000)) == [{"text": "z" * 3_000_000}]


# Archives


def _zip(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_gzip_by_content(tmp_path: Path) -> None:
    for name in ("rows.jsonl.gz", "rows.jsonl", "rows"):
        assert _values(_write(tmp_path / name, gzip.compress(LINES.encode()))) == [ONE, TWO]
    assert look_at(tmp_path / "rows.jsonl.gz").compression == "gzip"
    csv = _write(tmp_path / "rows.csv.gz", gzip.compress("text\nä\n".encode("cp1252")))
    assert _values(csv) == [{"text": "ä"}]


def test_zip_of_several_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    members: dict[str, str | bytes] = {
        "data/b.jsonl": json.dumps(TWO) + "\n{broken\n",
        "data/a.jsonl": json.dumps(ONE) + "\n",
        "README.md": "Rows.",
        "__MACOSX/._a.jsonl": b"\0\1",
        ".DS_Store": b"\0\1",
    }
    path = _zip(tmp_path / "rows.zip", members)
    items = list(read_rows(path))
    assert items[0] == Row(1, 1, ONE, "data/a.jsonl")
    assert items[1] == Row(1, 2, TWO, "data/b.jsonl")
    assert isinstance(items[2], RowProblem)
    assert (items[2].line, items[2].row, items[2].part) == (2, 3, "data/b.jsonl")
    assert str(items[2]).startswith("data/b.jsonl, line 2: ")
    facts = look_at(path)
    assert facts.parts == ("data/a.jsonl", "data/b.jsonl")
    assert len(facts.notes) == 2


def test_zip_of_one_file_is_read_as_that_file(tmp_path: Path) -> None:
    path = _zip(tmp_path / "rows.zip", {"rows.csv": "text\na\n"})
    assert list(read_rows(path)) == [Row(2, 1, {"text": "a"})]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"../rows.jsonl": LINES}, "points out of it"),
        ({"/etc/rows.jsonl": LINES}, "points out of it"),
        ({"..\\rows.jsonl": LINES}, "points out of it"),
        ({"C:\\rows.jsonl": LINES}, "points out of it"),
        ({"rows.jsonl.gz": gzip.compress(LINES.encode())}, "another archive"),
        ({"rows.jsonl": gzip.compress(LINES.encode())}, "another archive"),
        ({"a.csv": "text\na\n", "b.jsonl": LINES}, "several kinds"),
        ({"a.jsonl": LINES, "b.jsonl": "[\n{}\n]"}, "several kinds"),
        ({"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}, "spreadsheet"),
        ({"a.png": b"\x89PNG", "b.png": b"\x89PNG"}, "no dataset file"),
        ({}, "no dataset file"),
    ],
)
def test_zips_that_are_refused(members: dict[str, str | bytes], words: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        list(read_rows(_zip(tmp_path / "rows.zip", members)))


HUB = '{"description": "rows", "splits": {"train": {"num_examples": 1}}}'


@pytest.mark.parametrize(
    ("members", "left_out"),
    [
        ({"data/train.csv": "text\na\n", "dataset_info.json": HUB}, "dataset_info.json"),
        ({"train.jsonl": LINES, "meta.json": '{"rows": 2}', "README.md": "Rows."}, "meta.json, README.md"),
        ({"rows.csv": "text\na\n", "about.json": '{"made": 2020, "by": "a program"}'}, "about.json"),
        ({"good.jsonl": LINES, "page.jsonl": "<!DOCTYPE html><html></html>"}, "page.jsonl is a web page"),
        ({"good.jsonl": LINES, "other.jsonl": ""}, "other.jsonl is empty"),
    ],
)
def test_what_lies_beside_the_rows_of_a_zip_is_left_out_and_named(
    members: dict[str, str | bytes], left_out: str, tmp_path: Path
) -> None:
    path = _zip(tmp_path / "rows.zip", members)
    assert all(isinstance(item, Row) for item in read_rows(path))
    assert any(left_out in note for note in look_at(path).notes)


def test_one_file_of_a_zip_is_read_when_it_is_named(tmp_path: Path) -> None:
    path = _zip(tmp_path / "rows.zip", {"d/train.jsonl": LINES, "d/test.jsonl": '{"text": "judged"}\n'})
    with pytest.raises(UnreadableFileError, match=r"several datasets: d/test\.jsonl and d/train\.jsonl") as error:
        look_at(path)
    assert "--part d/train.jsonl" in error.value.hint
    for part in ("d/test.jsonl", "test.jsonl"):
        assert list(read_rows(path, ReadOptions(part=part))) == [Row(1, 1, {"text": "judged"})]
    with pytest.raises(UnreadableFileError, match=r"holds no one file dev\.jsonl"):
        look_at(path, ReadOptions(part="dev.jsonl"))


def test_a_broken_file_in_a_zip_is_told_with_the_name_of_the_zip(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"In rows\.zip: a\.jsonl is empty"):
        look_at(_zip(tmp_path / "rows.zip", {"a.jsonl": ""}))


def test_bombs_are_refused_before_they_burst(tmp_path: Path) -> None:
    bomb = b'{"text": "a"}\n' + b" " * 100_000_000
    with pytest.raises(UnreadableFileError, match="swells"):
        list(read_rows(_write(tmp_path / "bomb.jsonl.gz", gzip.compress(bomb))))
    with pytest.raises(UnreadableFileError, match="swells"):
        list(read_rows(_zip(tmp_path / "bomb.zip", {"rows.jsonl": bomb})))


def test_archives_that_break_off_or_are_damaged(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"text": str(n) * 9}) + "\n" for n in range(5000)).encode()
    packed = gzip.compress(rows)
    zipped = _zip(tmp_path / "whole.zip", {"rows.jsonl": rows}).read_bytes()
    middle = len(packed) // 2
    for name, content in (
        ("cut.jsonl.gz", packed[:middle]),
        ("hurt.jsonl.gz", packed[:middle] + b"\0" * 40 + packed[middle + 40 :]),
        ("cut.zip", zipped[: len(zipped) // 2]),
        ("hurt.zip", zipped[:middle] + b"\0" * 40 + zipped[middle + 40 :]),
    ):
        with pytest.raises(UnreadableFileError) as caught:
            list(read_rows(_write(tmp_path / name, content)))
        assert name in caught.value.sentence


# What is no dataset


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.jsonl", b"", "empty"),
        ("rows.csv", b"\n \n\t\n", "empty"),
        ("rows.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS"),
        ("rows.json", b"<!DOCTYPE html>\n<html><body>Not found</body></html>", "web page"),
        ("rows.csv", b"\n<html lang='en'>\n", "web page"),
        (
            "rows.csv",
            b"<!-- saved from url=(0022)http://example.com/ -->\n<html><body>No, not found</body></html>",
            "page",
        ),
        ("rows.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(100), "picture"),
        ("rows.jsonl", bytes(range(256)) * 20, "binary"),
        ("rows.jsonl", bytes(4096), "binary"),
        ("rows.json", b"Once upon a time.", "no JSON"),
        ("rows.parquet", b"PAR1" + bytes(50), "Parquet"),
        ("rows.html", b"hello", "no dataset file"),
        ("rows.json", b'{"a": [{"x": 1}], "b": [{"x": 2}]}', "more than one array"),
        ("rows.json", b'{"prompt": ["a"], "completion": ["b"]}', "column by column"),
    ],
)
def test_what_is_no_dataset_is_refused(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=words) as caught:
        list(read_rows(_write(tmp_path / name, content)))
    assert caught.value.sentence.endswith(".")
    assert caught.value.hint.endswith(".")


def _make_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, "no file"),
        (lambda path: path.mkdir() or path, "folder"),
        (_make_pipe, "pipe"),
        (lambda path: Path(os.devnull), "device"),
        (lambda path: path.symlink_to(path) or path, "cannot be opened"),
        (lambda path: path.with_name("x" * 300), "cannot be opened"),
    ],
)
def test_what_is_no_file_is_refused_and_never_waited_for(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    path, caught = make(tmp_path / "rows.jsonl"), list[BaseException]()

    def read() -> None:
        try:
            list(read_rows(path))
        except UnreadableFileError as error:
            caught.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert words in str(caught[0])


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl", LINES)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(UnreadableFileError, match="not yours to read"):
        list(read_rows(path))


def test_names_that_would_move_a_cursor_are_shown_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        list(read_rows(_write(tmp_path / "$(rm -rf ~)\n\x1b[2J.jsonl", b"")))
    assert caught.value.sentence == "$(rm -rf ~)??[2J.jsonl is empty."


def test_parquet_is_known_by_content(tmp_path: Path) -> None:
    assert is_parquet(_write(tmp_path / "a", b"PAR1rest"))
    assert not is_parquet(_write(tmp_path / "b.parquet", LINES))


def test_rows_are_not_held(tmp_path: Path) -> None:
    """The first row comes although the file has not been read to its end."""
    path = tmp_path / "rows.json"
    with path.open("w") as file:
        file.write("[")
        for number in range(200_000):
            file.write(json.dumps({"text": f"row {number} " + "x" * 50}) + ",\n")
        file.write("{broken]")
    items = read_rows(path)
    assert next(items) == Row(1, 1, {"text": "row 0 " + "x" * 50})
    seen = io.StringIO()
    seen.writelines("." if isinstance(item, Row) else "!" for item in items)
    assert seen.getvalue() == "." * 199_999 + "!"


def test_one_row_with_a_message_beside_its_turns_is_a_row(tmp_path: Path) -> None:
    row = {"message": "From the web", "prompt": "Why?", "completion": "So.", "status": 200}
    assert _values(_write(tmp_path / "rows.jsonl", json.dumps(row))) == [row]


def test_a_zip_of_several_datasets_is_for_a_person_to_choose_from(tmp_path: Path) -> None:
    other = '{"question": "a", "answer": "b"}\n'
    for members in (
        {"train.jsonl": LINES, "test.jsonl": LINES},
        {"data/train/a.jsonl": LINES, "data/valid/a.jsonl": LINES},
        {"a.jsonl": LINES, "b.jsonl": other},
    ):
        with pytest.raises(UnreadableFileError, match="holds several datasets"):
            list(read_rows(_zip(tmp_path / "rows.zip", dict(members))))
    parts = _zip(tmp_path / "parts.zip", {"train-0.jsonl": LINES, "train-1.jsonl": LINES})
    assert len(list(read_rows(parts))) == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SQLite format 3\0", "CSV"),
        (b"BZh91AY", "Unpack"),
        (b"\x80\x02]q", "pickle"),
        (b"{\\rtf1 text}", "RTF"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b'{"error": "Repository not found"}', "server"),
        (b'{"error":"EntryNotFound","message":"Entry \\"a\\" not found","status":404,"retry":null}\n', "server"),
    ],
)
def test_what_to_do_with_other_files_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        list(read_rows(_write(tmp_path / "rows.txt", content)))
