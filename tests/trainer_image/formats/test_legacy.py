"""Files of older programs: the letters come out as they were meant, what was guessed is said, noise stays refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer_image.formats import ENCODING_WORDS, ReadOptions, Row, RowProblem, UnreadableFileError, look_at, read_rows

TEXTS = {
    "cp1252": "Où êtes-vous, à côté? Ça coûte 5 €. „Größe“ und ‚Übung‘. ¿Qué pasó, mañana?",
    "mac_roman": "Was heißt Größe? Schön für dich, ein Café à côté.",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń i łódź.",
    "iso8859_2": "Zażółć gęślą jaźń i łódź, to świetna łąka. Příliš žluťoučký kůň.",
    "cp1254": "Bu çok güzel bir şey, değil mi? Işığı gördüm.",
    "cp932": "機械学習とは何ですか。とても便利です。",
    "euc_jp": "機械学習とは何ですか。とても便利です。",
    "gb18030": "机器学习是人工智能的一个分支。今天天气怎么样？",
    "big5": "機器學習是人工智慧的一個分支。今天天氣怎麼樣？",
    "cp949": "오늘 날씨가 어때요? 기계 학습이란 무엇입니까?",
    "cp1251": "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "koi8_r": "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "cp866": "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "cp1253": "Καλημέρα, τι κάνεις σήμερα; Όλα πάνε καλά.",
    "cp1255": "שלום, מה שלומך היום? הכל בסדר.",
    "cp1256": "مرحبا كيف حالك اليوم، كل شيء على ما يرام.",
    "cp874": "สวัสดีครับ วันนี้เป็นอย่างไรบ้าง",
}


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_the_letters_come_out_as_they_were_meant(tmp_path: Path, name: str, encoding: str, text: str) -> None:
    rows = [{"id": str(number), "text": f"{text} {number}"} for number in range(20)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if name.endswith(".csv"):
        lines = ["id;text", *(f'{row["id"]};"{row["text"]}"' for row in rows)]
    path = tmp_path / name
    path.write_bytes("\n".join(lines).encode(encoding))
    facts = look_at(path)
    assert facts.encoding == encoding
    assert any(ENCODING_WORDS[encoding] in note for note in facts.notes)
    assert [item.value for item in read_rows(path) if isinstance(item, Row)] == rows


def test_noise_is_nobodys_letters(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes(b"A text with \x81\x8d\x9d\xff\xfe\xdf\xf0\x90 in it.\n" * 3)
    with pytest.raises(UnreadableFileError, match="UTF-8"):
        look_at(path)


@pytest.mark.parametrize("encoding", ["cp1252", "cp932", "gb18030", "shift_jis", "euc_kr"])
def test_a_wrong_word_of_a_person_loses_no_row(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [b'{"text": "plain"}'] * 20
    lines[7] = b'{"text": "a \x81\x20\xff b"}'
    path.write_bytes(b"\n".join(lines) + b"\n")
    items = list(read_rows(path, ReadOptions(encoding=encoding)))
    assert len(items) == 20
    assert [item.line for item in items if isinstance(item, RowProblem)] == [8]


@pytest.mark.parametrize("broken", [b"q \xc3( \xa0\xa1 \xe2(\xa1 \x9d \x8f", b"\xff\xfe\x81\x8d", b"it\xe2\x80s"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_one_broken_row_in_plain_english_is_named(tmp_path: Path, name: str, broken: bytes) -> None:
    lines = [b'{"text": "All of this is plain."}'] * 16 if name.endswith("l") else [b"text", *[b"plain"] * 15]
    lines[8] = lines[8].replace(b"plain", broken)
    path = tmp_path / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    items = list(read_rows(path))
    assert look_at(path).encoding == "utf-8"
    assert [(item.line, item.kind) for item in items if isinstance(item, RowProblem)] == [(9, "broken_letters")]
    assert sum(isinstance(item, Row) for item in items) == 15 - name.endswith("csv")


@pytest.mark.parametrize(("encoding", "word"), [("cp1252", "Größe"), ("cp1251", TEXTS["cp1251"])])
def test_one_row_with_the_letters_of_an_older_program_is_read(tmp_path: Path, encoding: str, word: str) -> None:
    lines = ['{"text": "All of this is plain."}'] * 16
    lines[8] = lines[8].replace("plain", word)
    path = tmp_path / "rows.jsonl"
    path.write_bytes("\n".join(lines).encode(encoding))
    assert look_at(path).encoding == encoding
    assert [item.value["text"] for item in read_rows(path) if isinstance(item, Row)][8] == f"All of this is {word}."


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "gb18030"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_of_two_files_put_together_the_rows_of_the_older_program_are_named(
    tmp_path: Path, name: str, encoding: str
) -> None:
    row = '{"text": "%s"}\n' if name.endswith("l") else '"%s"\n'
    head = "" if name.endswith("l") else "text\n"
    old = (row % TEXTS[encoding]).encode(encoding) * 30
    path = tmp_path / name
    path.write_bytes(head.encode() + (row % "Größe").encode() * 10 + old)
    items = list(read_rows(path))
    assert look_at(path).encoding == "utf-8"
    assert [item.value for item in items if isinstance(item, Row)] == [{"text": "Größe"}] * 10
    assert [item.kind for item in items if isinstance(item, RowProblem)] == ["broken_letters"] * 30


def test_a_broken_letter_of_a_wide_file_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"text": "a"}\n{"text": "b"}\n'.encode("utf-16") + b"{")
    (problem,) = (item for item in read_rows(path) if isinstance(item, RowProblem))
    assert problem.kind == "broken_letters"
    assert "UTF-16" in problem.sentence
    assert "UTF-8" not in problem.sentence
