"""A tokenizer and a chat template without transformers: what is missing is said, and a template can do no harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers

from desktop.engine.chat_template import ChatTemplate
from desktop.engine.model_folder import find_model_folder
from desktop.engine.preview import Previewer
from desktop.engine.seeing import measured, see_row
from desktop.engine.seen_rows import Asked
from desktop.engine.tokenizing import Tokenizer
from desktop.errors import AppError
from trainer_image.formats import Row

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ROW = Row(3, 2, {"question": "Grüezi?", "answer": "Hoi 🦊"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder whose tokens are bytes, so that every length can be counted by hand."""
    backend = Backend(models.BPE(vocab={letter: n for n, letter in enumerate(sorted(_letters()))}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["<end>"])
    backend.save(str(tmp_path / "tokenizer.json"))
    _config(tmp_path, eos_token={"content": "<end>"}, chat_template=TEMPLATE)
    return tmp_path


def _letters() -> list[str]:
    return pre_tokenizers.ByteLevel.alphabet()


def _config(folder: Path, **values: Any) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(values), encoding="utf-8")


def _asked(**values: Any) -> Asked:
    return Asked(**({"shape": "question_answer", "kind": "conversation"} | values))


def test_a_conversation_is_shown_token_by_token(folder: Path) -> None:
    preview = see_row(Tokenizer.load(folder), ROW, _asked())
    (part,) = preview.parts
    assert "".join(token.text for token in part.tokens) == "<|user|>Grüezi?<end><|assistant|>Hoi 🦊<end>"
    learned = "".join(token.text for token in part.tokens if token.is_trained)
    assert (learned, part.trained, part.was_cut) == ("Hoi 🦊<end>", 9, False)
    assert (preview.row, preview.line) == (2, 3)


def test_the_cut_is_marked(folder: Path) -> None:
    (part,) = see_row(Tokenizer.load(folder), ROW, _asked(max_length=30)).parts
    assert [token.is_cut for token in part.tokens] == [False] * 30 + [True] * (part.total - 30)
    assert part.trained == sum(token.is_trained for token in part.tokens[:30])
    (text,) = see_row(Tokenizer.load(folder), ROW, _asked(kind="text", max_length=5)).parts
    assert (text.was_cut, text.trained) == (False, text.total - 1)


def test_a_preference_is_shown_by_its_sides(folder: Path) -> None:
    row = Row(1, 1, {"prompt": "Which?", "chosen": "This.", "rejected": "That one."})
    preview = see_row(Tokenizer.load(folder), row, _asked(shape="preference", kind="preference"))
    assert [(part.name, "".join(token.text for token in part.tokens)) for part in preview.parts] == [
        ("prompt", "<|user|>Which?<end><|assistant|>"),
        ("chosen", "This.<end>"),
        ("rejected", "That one.<end>"),
    ]
    assert [part.trained for part in preview.parts] == [0, 6, 10]


def test_judged_steps_bear_their_labels(folder: Path) -> None:
    row = Row(1, 1, {"prompt": "1+1", "completions": ["Add.", "2"], "labels": [True, False]})
    (part,) = see_row(Tokenizer.load(folder), row, _asked(shape="steps", kind="steps")).parts
    assert [token.label for token in part.tokens if token.label is not None] == [True, False]
    assert "".join(token.text for token in part.tokens).endswith("Add.\n2\n")


def test_a_base_model_without_a_template_reads_plain_text(folder: Path) -> None:
    _config(folder, eos_token="<end>")
    tokenizer = Tokenizer.load(folder)
    assert tokenizer.chat_template is None
    (part,) = see_row(tokenizer, ROW, _asked()).parts
    assert "".join(token.text for token in part.tokens) == "Grüezi?\nHoi 🦊<end>"


def test_lengths_are_counted(folder: Path) -> None:
    rows = [Row(n, n, {"question": "q" * n, "answer": "a" * 10}) for n in range(1, 6)]
    found = measured(Tokenizer.load(folder), [*rows, Row(9, 9, {"question": "", "answer": "a"})], _asked(max_length=36))
    frame = len("<|user|><|assistant|>") + 2
    assert list(found.lengths) == [frame + 10 + n for n in range(1, 6)]
    assert list(found.trained) == [11, 11, 11, 10, 9]
    assert list(found.seen) == [34, 35, 36, 36, 36]
    assert found.refused == 1


def test_what_a_folder_lacks_is_said(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(AppError, match="There is no model folder /nowhere"):
        find_model_folder("/nowhere")
    with pytest.raises(AppError, match="not on this machine yet"):
        find_model_folder("some/model", [tmp_path])
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    with pytest.raises(AppError, match="older files of a tokenizer"):
        Tokenizer.load(folder)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AppError, match="cannot be read"):
        Tokenizer.load(folder)


def test_a_model_of_the_hub_is_found_in_its_cache(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--some--model"
    for name in ("old", "new"):
        (repository / "snapshots" / name).mkdir(parents=True)
        (repository / "snapshots" / name / "tokenizer.json").write_text("{}", encoding="utf-8")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("old", encoding="utf-8")
    assert find_model_folder("some/model", [tmp_path]).name == "old"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{{ raise_exception('no') }}",
        "{{ range(10 ** 9) | list }}",
        "{{ messages[0].nothing.at.all }}",
    ],
)
def test_a_template_that_wants_more_than_it_should_is_refused(folder: Path, source: str) -> None:
    _config(folder, eos_token="<end>", chat_template=source)
    preview = see_row(Tokenizer.load(folder), ROW, _asked())
    assert preview.problem is not None
    assert preview.problem.kind == "template"


def test_a_template_gets_what_transformers_gives_it() -> None:
    source = (
        "{{ {'ü': [1]} | tojson }} {{ {'a': 1} | tojson(indent=2) }} {{ strftime_now('%Y') | length }}"
        "{% for m in messages %}{% if m.skip %}{% continue %}{% endif %}"
        "{% generation %}{{ m.content }}{% endgeneration %}{% break %}{% endfor %}"
    )
    written = ChatTemplate(source).write([{"skip": True}, {"content": "<&>"}, {"content": "x"}], None, False, {})
    assert written == '{"ü": [1]} {\n  "a": 1\n} 4<&>'


def test_a_template_without_end_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    _config(folder, eos_token="<end>", chat_template=loop)
    previewer = Previewer(str(folder))
    monkeypatch.setattr("desktop.engine.preview.SECONDS", 1.0)
    with pytest.raises(AppError, match="takes too long"):
        previewer.show(ROW, _asked())
    previewer.close()


def test_a_preview_comes_from_a_process_of_its_own(folder: Path) -> None:
    previewer = Previewer(str(folder))
    try:
        assert previewer.has_chat_template
        assert previewer.show(ROW, _asked()) == see_row(Tokenizer.load(folder), ROW, _asked())
    finally:
        previewer.close()
