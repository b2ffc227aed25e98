"""Tables: delimiters, headers, quotes that do not match, cells that are lists, and what spreadsheets leave behind."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from trainer_image.formats import ReadOptions, Row, RowProblem, look_at, read_examples, read_rows

FORMULAS = r"""
=SUM(A1:A3) ~ =A1+B2 ~ =HYPERLINK("x") ~ +SUM(1) ~ =cmd|' /C calc'!A0 ~ #REF! ~ #NAME? ~ = MAX(1)
~ =1+1 ~ =12,5 * (3-1) ~ ='My Sheet'!B2 ~ =Sheet1!$A$2 ~ =Übersicht!A1 ~ ="Answer: "&B2 ~ =(A1+B1) ~ =-A1
~ +A1 ~ =@A1 ~ =TRUE ~ =A:A ~ =$B$2 ~ =B2&C2 ~ =B2% ~ =R1C1 ~ =R[-1]C ~ =СУММ(A1) ~ =VERKETTEN(A1;B1)
~ #ERROR! ~ #SPILL! ~ #CALC! ~ Err:502
"""

TEXTS = r"""
=) smile ~ - one\n- two ~ +41 44 123 ~ @anna wrote ~ -5 ~ = 4 ~ =4 ~ #1 is best ~ == ~ =) ~ = x + 1
~ => 1+1 ~ === A1 === ~ #Error! ~ #NEWS! ~ Err: 502 ~ Error 502 ~ = 1 + 1 is two ~ +A1 is the grade
"""


def _read(path: Path, text: str, options: ReadOptions | None = None) -> list[Row | RowProblem]:
    path.write_bytes(text.encode())
    return list(read_rows(path, options or ReadOptions()))


def _table(*rows: list[str], delimiter: str = ",", end: str = "\r\n") -> str:
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=delimiter, lineterminator=end).writerows(rows)
    return made.getvalue()


def _cells(text: str) -> list[str]:
    return [cell.strip().replace("\\n", "\n") for cell in text.split("~")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_delimiter(delimiter: str, end: str, tmp_path: Path) -> None:
    rows = [["a, b; c", 'say "hi"\nand | go\tthere'], ["1", "None"], ["NaN", "007"], ["a\u2028b", "=) smile"]]
    text = _table(["prompt", "completion"], *rows, delimiter=delimiter, end=end)
    items = _read(tmp_path / "rows.csv", text)
    assert [item.value for item in items if isinstance(item, Row)] == [
        {"prompt": one, "completion": two} for one, two in rows
    ]
    assert [item.line for item in items] == [2, 4, 5, 6]
    assert look_at(tmp_path / "rows.csv").delimiter == delimiter


def test_the_delimiter_may_be_said_or_announced(tmp_path: Path) -> None:
    wanted = [Row(2, 1, {"a": "x;y", "b": "1"})]
    assert _read(tmp_path / "rows.csv", "a:b\nx;y:1\n", ReadOptions(delimiter=":")) == wanted
    assert _read(tmp_path / "rows.csv", "sep=:\na:b\nx;y:1\n") == [Row(3, 1, {"a": "x;y", "b": "1"})]


def test_a_header_is_found_or_known_to_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    assert _read(path, "act,prompt\nfox,Be a fox.\n") == [Row(2, 1, {"act": "fox", "prompt": "Be a fox."})]
    assert look_at(path).has_header
    items = _read(path, "What is it?,A fox.\nAnd that?,A dog.\n")
    assert items[0] == Row(1, 1, {"column_1": "What is it?", "column_2": "A fox."})
    assert len(items) == 2
    assert any("no header" in note for note in look_at(path).notes)
    assert _read(path, "fox,dog\n", ReadOptions(has_header=False)) == [
        Row(1, 1, {"column_1": "fox", "column_2": "dog"})
    ]
    mapped = read_examples(items, mapping={"prompt": "column_1", "completion": "column_2"})
    assert (mapped.shape, len(mapped.examples)) == ("prompt_completion", 2)


def test_names_of_columns_in_any_case(tmp_path: Path) -> None:
    assert _read(tmp_path / "rows.csv", "Prompt, Completion \na,b\n") == [Row(2, 1, {"prompt": "a", "completion": "b"})]


def test_two_columns_of_one_name_cost_no_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    items = _read(path, "prompt,completion,notes,notes\na,b,c,d\nprompt,completion,notes,notes\n")
    assert items[0] == Row(2, 1, {"prompt": "a", "completion": "b", "notes": "c", "notes_2": "d"})
    assert [one.kind for one in items if isinstance(one, RowProblem)] == ["repeated_header"]
    assert any("notes_2" in note for note in look_at(path).notes)
    assert not look_at(path).noticed
    # One that is read is nobody's until somebody says which is meant.
    items = _read(path, "question,answer,answer\na,b,c\n")
    assert items == [Row(2, 1, {"question": "a", "answer_1": "b", "answer_2": "c"})]
    assert [one.kind for one in look_at(path).noticed] == ["doubled_columns"]
    reading = read_examples(items, mapping={"prompt": "question", "completion": "answer_2"})
    assert (reading.shape, len(reading.examples)) == ("prompt_completion", 1)


def test_a_known_name_in_small_letters_goes_before_one_in_capitals(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", "Prompt,prompt,completion\na,b,c\n")
    assert items == [Row(2, 1, {"Prompt": "a", "prompt": "b", "completion": "c"})]
    assert any("Prompt is not" in note for note in look_at(tmp_path / "rows.csv").notes)


@pytest.mark.parametrize(("before", "behind"), [("", " "), (" ", ""), ("  ", "\t")])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_blanks_around_quoted_cells_are_no_part_of_them(
    before: str, behind: str, delimiter: str, tmp_path: Path
) -> None:
    rows = [[f'say "no" ,{n}; "yes"', f" of two\nlines , {n} "] for n in range(9)]
    lines = [f"{before}{delimiter}{behind}".join('"' + one.replace('"', '""') + '"' for one in row) for row in rows]
    text = f"prompt{delimiter} completion\n" + "".join(f"{line}{before}\n" for line in lines)
    items = _read(tmp_path / "rows.csv", text)
    assert [list(item.value.values()) for item in items if isinstance(item, Row)] == rows
    assert [item.line for item in items] == list(range(2, 20, 2))


def test_blanks_around_quotes_with_a_bare_number_and_an_open_quote(tmp_path: Path) -> None:
    good = "".join(f'{n}, "q {n}, then" , "a {n}"\n' for n in range(60))
    items = _read(tmp_path / "rows.csv", f'id,prompt,completion\n{good}60, "open, "b"\n{good}')
    assert len(items) == 121
    assert [(one.line, one.kind) for one in items if isinstance(one, RowProblem)] == [(62, "broken_row")]
    assert items[3] == Row(5, 4, {"id": "3", "prompt": "q 3, then", "completion": "a 3"})


def test_blanks_around_quotes_that_are_escaped(tmp_path: Path) -> None:
    text = "".join(f'"say \\"hi\\" , {n}", "so, {n}"\n' for n in range(9))
    items = _read(tmp_path / "rows.csv", f"prompt, completion\n{text}")
    assert items[2] == Row(4, 3, {"prompt": 'say "hi" , 2', "completion": "so, 2"})


def test_a_quote_behind_a_blank_in_prose_stays(tmp_path: Path) -> None:
    text = 'prompt,completion\nWhat did she say?, "no" was it\nAnd he?,He said nothing\n'
    items = _read(tmp_path / "rows.csv", text)
    assert [item.value["completion"] for item in items if isinstance(item, Row)] == [' "no" was it', "He said nothing"]


def test_a_return_alone_ends_a_row_where_it_makes_two(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", "prompt,completion\r\na,b\nc,d\re,f\ng,h\n")
    assert [(item.line, *item.value.values()) for item in items if isinstance(item, Row)] == [
        (2, "a", "b"),
        (3, "c", "d"),
        (3, "e", "f"),
        (4, "g", "h"),
    ]
    items = _read(tmp_path / "rows.csv", 'prompt,completion\na,b\nc,d\re\n"open,x\nh\ri,k\nl,m\n')
    problems = [item for item in items if isinstance(item, RowProblem)]
    assert (problems[0].line, problems[0].kind) == (3, "stray_return")
    assert "quotes of this row" not in problems[0].sentence


def test_empty_cells_at_the_end_are_a_spreadsheets_own(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", "prompt,completion,\na,b,,,\nc,d,\ne,f,g,h\n")
    assert [item.value for item in items if isinstance(item, Row)] == [
        {"prompt": "a", "completion": "b", "column_3": ""},
        {"prompt": "c", "completion": "d", "column_3": ""},
    ]
    assert isinstance(items[2], RowProblem)
    assert (items[2].line, items[2].kind) == (4, "wrong_cells")


def test_a_row_of_two_lines_that_is_cut_off_is_one_broken_row(tmp_path: Path) -> None:
    whole = _table(["prompt", "completion"], ['He said "a"\nthen left?', 'She said "b",\nand stayed.'], end="\n")
    items = _read(tmp_path / "rows.csv", whole + 'q,a\n"He said ""c""\nthen left?","She said ""d')
    assert [(one.line, one.kind) for one in items if isinstance(one, RowProblem)] == [(6, "broken_row")]
    assert len(items) == 3


def test_an_open_quote_swallows_no_rows(tmp_path: Path) -> None:
    good = "".join(f"question {n},answer {n}\n" for n in range(100))
    for after in ("", '"quoted, here","and\nthere"\n'):
        text = f'prompt,completion\n{good}"open,quote\n{good}{after}{good}'
        items = _read(tmp_path / "rows.csv", text)
        problems = [item for item in items if isinstance(item, RowProblem)]
        assert [(problem.line, problem.kind) for problem in problems] == [(102, "broken_row")]
        assert len(items) == 301 + bool(after)
        assert [item.number if isinstance(item, Row) else item.row for item in items] == list(range(1, len(items) + 1))


def test_a_long_cell_that_is_never_closed_is_one_row(tmp_path: Path) -> None:
    prose = "\n".join(f"Line {n}, and so on, and on." for n in range(30))
    items = _read(tmp_path / "rows.csv", f'prompt,completion\na,b\nc,"{prose}\n')
    assert [type(item) for item in items] == [Row, RowProblem]


def test_lists_in_cells_as_json_and_as_python_prints_them(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Isn't it?"}, {"role": "assistant", "content": 'It "is".'}]
    for cell in (json.dumps(turns), repr(turns)):
        (item,) = _read(tmp_path / "rows.csv", _table(["messages"], [cell]))
        assert item == Row(2, 1, {"messages": turns})
        assert len(read_examples([item]).examples) == 1
    (item,) = _read(tmp_path / "rows.csv", _table(["prompt", "completion"], ["[1, 2]", '{"a": 1}']))
    assert item == Row(2, 1, {"prompt": "[1, 2]", "completion": '{"a": 1}'})


@pytest.mark.parametrize("cell", _cells(FORMULAS))
def test_formulas_are_named(cell: str, tmp_path: Path) -> None:
    (item,) = _read(tmp_path / "rows.csv", _table(["text"], [cell]))
    assert isinstance(item, RowProblem)
    assert (item.line, item.column, item.kind) == (2, "text", "formula_cell")


@pytest.mark.parametrize("cell", _cells(TEXTS))
def test_what_only_begins_like_a_formula_is_text(cell: str, tmp_path: Path) -> None:
    assert _read(tmp_path / "rows.csv", _table(["text"], [cell])) == [Row(2, 1, {"text": cell})]


def test_quotes_that_are_escaped_or_single(tmp_path: Path) -> None:
    wanted = [{"prompt": f'say "hi", {n}', "completion": f"it's {n}"} for n in range(9)]
    escaped = "".join(f'"say \\"hi\\", {n}","it\'s {n}"\n' for n in range(9))
    single = "".join(f"'say \"hi\", {n}','it''s {n}'\n" for n in range(9))
    for text in (escaped, single):
        items = _read(tmp_path / "rows.csv", "prompt,completion\n" + text)
        assert [item.value for item in items if isinstance(item, Row)] == wanted
    usual = _read(tmp_path / "rows.csv", 'prompt,completion\n\'tis,a\n"C:\\",b\n')
    assert [item.value["prompt"] for item in usual if isinstance(item, Row)] == ["'tis", "C:\\"]


def test_rare_delimiters_between_known_columns_only(tmp_path: Path) -> None:
    for delimiter in "^~:":
        items = _read(tmp_path / "rows.csv", f"prompt{delimiter}completion\na, b{delimiter}c\n")
        assert items == [Row(2, 1, {"prompt": "a, b", "completion": "c"})]
    assert look_at(tmp_path / "rows.csv").delimiter == ":"
    _read(tmp_path / "rows.csv", "when:what,who\n1:2,3\n")
    assert look_at(tmp_path / "rows.csv").delimiter == ","


def test_a_number_in_square_brackets_is_no_list_of_turns(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", _table(["prompt", "completion", "conversation"], ["Why?", "So.", "[17]"]))
    reading = read_examples(items)
    assert (reading.shape, len(reading.examples)) == ("prompt_completion", 1)


def test_a_title_above_the_header_is_no_row(tmp_path: Path) -> None:
    for above in ("My rows,\n,\n", "# from a program\n", "\nMy rows,2024\n\n"):
        items = _read(tmp_path / "rows.csv", above + "prompt,completion\na,b\nc,d\n")
        assert [item.value for item in items if isinstance(item, Row)] == [
            {"prompt": "a", "completion": "b"},
            {"prompt": "c", "completion": "d"},
        ]
        assert items[0].line == above.count("\n") + 2
        facts = look_at(tmp_path / "rows.csv")
        assert any("above its header" in note for note in facts.notes)
        title = 2 if above.startswith("\n") else 1
        assert [one.kind for one in facts.noticed] == ["rows_above_header"]
        assert facts.noticed[0].lines[0] == title


def test_a_header_in_the_middle_and_the_rule_of_markdown(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", "prompt,completion\na,b\n\ufeffPrompt,completion\nc,d\n")
    assert [item.kind if isinstance(item, RowProblem) else "" for item in items] == ["", "repeated_header", ""]
    assert items[1].line == 3
    items = _read(tmp_path / "rows.md", "| prompt | completion |\n|---|:-:|\n| a | b |\n")
    assert [(item.line, item.value["prompt"].strip()) for item in items if isinstance(item, Row)] == [(3, "a")]
    blank = _read(tmp_path / "rows.csv", 'prompt,completion\n""," "\n')
    assert blank == [Row(2, 1, {"prompt": "", "completion": " "})]


def test_cells_that_are_missing_or_hold_zeros(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", "prompt,completion\na\nb\0,c\nd,e\n")
    problems = [item for item in items if isinstance(item, RowProblem)]
    assert [(one.line, one.kind, one.column) for one in problems] == [
        (2, "wrong_cells", ""),
        (3, "zero_byte", "prompt"),
    ]
    assert "1 cell where the header has 2" in problems[0].sentence


def test_an_old_macs_table_may_hold_line_feeds_in_its_cells(tmp_path: Path) -> None:
    text = '"prompt","completion"\r"a\nb","c"\r"d","e\n\nf"\r"g","h"\r'
    items = _read(tmp_path / "rows.csv", text)
    assert [item.value for item in items if isinstance(item, Row)] == [
        {"prompt": "a\nb", "completion": "c"},
        {"prompt": "d", "completion": "e\n\nf"},
        {"prompt": "g", "completion": "h"},
    ]
    assert [item.line for item in items] == [2, 4, 7]


def test_a_return_inside_a_cell_ends_no_line(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", 'prompt,completion\n"a\rb",c\nd,e\n')
    assert [item.value for item in items if isinstance(item, Row)] == [
        {"prompt": "a\rb", "completion": "c"},
        {"prompt": "d", "completion": "e"},
    ]


def test_a_second_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", "\ufeff\ufeffprompt,completion\r\na,b\r\n")
    assert items == [Row(2, 1, {"prompt": "a", "completion": "b"})]


def test_a_header_in_another_order_further_down_is_named(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.csv", "prompt,completion\na,b\n Completion,prompt\nb,a\ncompletion,c\n")
    (problem,) = (item for item in items if isinstance(item, RowProblem))
    assert (problem.line, problem.kind) == (3, "repeated_header")
    assert "another order" in problem.sentence
    # Words that are the names of nothing we know may be anybody's cells.
    items = _read(tmp_path / "rows.csv", "left,right\na,b\nright,left\n")
    assert all(isinstance(item, Row) for item in items)
