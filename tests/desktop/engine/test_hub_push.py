"""A push: what arrives equals what lies there, nothing else goes, and each refusal is one sentence."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desktop.engine.hub_push import REPO_MARK, Pushed, Sent, model_files, push, repository_name
from desktop.errors import AppError, ConfigError
from tests.hub import FakeHub, FakeModel
from trainer_image.log.redaction import REMOVED

WEIGHTS = bytes(range(256)) * 4000
BASE = "maker/base"
CARD = f"---\nlibrary_name: peft\n---\n# It is at {REPO_MARK}\n"
MADE_BY_A_TRAINER = {
    "adapter_model.safetensors": WEIGHTS,
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"eos_token": "</s>"}',
    "chat_template.jinja": b"{{ messages[0].content }}",
    "additional_chat_templates/tools.jinja": b"{{ tools }}",
}
OF_THE_LIBRARIES = {
    "README.md": b"base_model: /home/ada/models/base",
    "training_args.bin": b"\x80\x04/home/ada",
    "optimizer.pt": b"0",
    "train.log": b"step 1",
    "events.jsonl": b"{}",
    "checkpoints/checkpoint-1/adapter_model.safetensors": b"1",
    "config.json.tmp": b"{}",
}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished adapter with everything beside it that does not belong to a model."""
    made = tmp_path / "adapter"
    config = {"base_model_name_or_path": str(tmp_path / "my models" / "base"), "r": 4}
    for name, data in {**MADE_BY_A_TRAINER, **OF_THE_LIBRARIES}.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(data)
    (made / "adapter_config.json").write_text(json.dumps(config))
    return made


def send(folder: Path, hub: FakeHub, repo: str = "ada/captain", *, token: str = "", private: bool = True) -> Pushed:
    running = push(folder, repo, CARD, BASE, private, token or hub.token, hub.address)
    while True:
        try:
            next(running)
        except StopIteration as end:
            pushed: Pushed = end.value
            return pushed


def refusal(folder: Path, hub: FakeHub, **changes: str) -> AppError:
    with pytest.raises(AppError) as caught:
        send(folder, hub, **changes)  # type: ignore[arg-type]
    return caught.value


def test_what_arrives_is_the_model_byte_for_byte_and_its_card(folder: Path, hub: FakeHub) -> None:
    pushed = send(folder, hub)
    assert (pushed.repo, pushed.address) == ("ada/captain", f"{hub.address}/ada/captain")
    assert (pushed.is_private, pushed.keeps_card) == (True, False)
    arrived = dict(hub.models["ada/captain"].files)
    assert hub.models["ada/captain"].private
    assert arrived.pop("README.md").decode() == CARD.replace(REPO_MARK, "ada/captain")
    assert json.loads(arrived.pop("adapter_config.json")) == {"base_model_name_or_path": BASE, "r": 4}
    assert arrived == MADE_BY_A_TRAINER
    assert len(hub.sent) == 1


def test_a_config_without_places_goes_as_it_is(folder: Path, hub: FakeHub) -> None:
    written = b'{"base_model_name_or_path":\n "maker/base"}'
    (folder / "adapter_config.json").write_bytes(written)
    send(folder, hub)
    assert hub.models["ada/captain"].files["adapter_config.json"] == written


def test_only_the_questions_to_the_hub_carry_the_token(folder: Path, hub: FakeHub) -> None:
    send(folder, hub)
    with_token = [headers.get("authorization") == f"Bearer {hub.token}" for _, _, headers in hub.asked]
    assert [method for (method, _, _), has in zip(hub.asked, with_token, strict=True) if not has] == ["PUT"]
    assert not [path for _, path, _ in hub.asked if hub.token in path]


def test_it_says_how_far_it_is(folder: Path, hub: FakeHub) -> None:
    hub.held = threading.Event()
    running = push(folder, "captain", CARD, BASE, False, hub.token, hub.address)
    said = [next(running)]
    while said[-1].done_bytes == 0:
        said.append(next(running))
    hub.held.set()
    rest = list(running)
    assert all(isinstance(one, Sent) for one in rest)
    assert rest[-1].done_bytes == rest[-1].total_bytes == said[0].total_bytes
    assert rest[-1].total_bytes > len(WEIGHTS)
    assert not hub.models["ada/captain"].private


def test_a_second_push_sends_what_is_new_and_leaves_the_card(folder: Path, hub: FakeHub) -> None:
    send(folder, hub)
    hub.models["ada/captain"].files["README.md"] = b"licensed by its owner"
    hub.asked.clear()
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    pushed = send(folder, hub)
    assert pushed.keeps_card
    assert "PUT" not in [method for method, _, _ in hub.asked]
    files = hub.models["ada/captain"].files
    assert (files["README.md"], files["chat_template.jinja"]) == (b"licensed by its owner", b"{{ messages }}")


def test_a_second_push_takes_away_what_the_first_model_had_and_nothing_else(folder: Path, hub: FakeHub) -> None:
    send(folder, hub)
    theirs = {
        "README.md": b"mine",
        "LICENSE": b"MIT",
        "notes/config.json": b"{}",
        "notes/x.safetensors": b"1",
        "additional_chat_templates/README.md": b"mine",
        "model.gguf": b"GGUF",
    }
    hub.models["ada/captain"].files |= theirs | {"model-00001-of-00002.safetensors": b"old"}
    for name in ("chat_template.jinja", "additional_chat_templates/tools.jinja", "adapter_config.json"):
        (folder / name).unlink()
    (folder / "adapter_model.safetensors").rename(folder / "model.safetensors")
    send(folder, hub)
    kept = {"model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert set(hub.models["ada/captain"].files) == kept | set(theirs)
    assert {name: hub.models["ada/captain"].files[name] for name in theirs} == theirs


def test_nothing_goes_privately_to_where_everybody_sees_it(folder: Path, hub: FakeHub) -> None:
    hub.add(FakeModel("ada/captain"))
    assert refusal(folder, hub).code == "is_public"
    assert hub.models["ada/captain"].files == {}
    assert not send(folder, hub, private=False).is_private


def test_a_whole_model_goes_in_its_parts(tmp_path: Path, hub: FakeHub) -> None:
    files = {
        "config.json": b'{"model_type": "llama"}',
        "generation_config.json": b"{}",
        "model-00001-of-00002.safetensors": WEIGHTS,
        "model-00002-of-00002.safetensors": WEIGHTS[:777],
        "model.safetensors.index.json": b'{"weight_map": {}}',
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    send(tmp_path, hub)
    arrived = hub.models["ada/captain"].files
    assert {name: data for name, data in arrived.items() if name != "README.md"} == files


def test_links_lead_nowhere(folder: Path, hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("of somebody")
    (folder / "vocab.txt").symlink_to(tmp_path / "private.txt")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jinja").write_text("of somebody")
    (folder / "additional_chat_templates" / "tools.jinja").unlink()
    (folder / "additional_chat_templates").rmdir()
    (folder / "additional_chat_templates").symlink_to(tmp_path / "elsewhere")
    send(folder, hub)
    assert not {"vocab.txt", "additional_chat_templates/x.jinja"} & hub.models["ada/captain"].files.keys()
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(ConfigError, match="no finished model"):
        model_files(tmp_path / "link")


@pytest.mark.parametrize("name", ["tokenizer_config.json", "chat_template.jinja", "tokenizer.json"])
def test_a_secret_in_a_file_keeps_everything_here(folder: Path, hub: FakeHub, name: str) -> None:
    hub.token = "hf_RightRightRightRight0001"
    (folder / name).write_text(f'{{"x": "{hub.token}"}}')
    said = refusal(folder, hub)
    assert (said.code, said.sentence.split()[0]) == ("secret", name)
    assert hub.asked == []
    assert hub.token not in str(said)


def test_refusals_say_what_to_do(folder: Path, hub: FakeHub) -> None:
    reader = refusal(folder, hub, token=hub.reading_token)
    assert "may not write to ada/captain" in reader.sentence
    assert "https://huggingface.co/settings/tokens" in reader.hint
    assert refusal(folder, hub, token="hf_somebody_else").sentence == "The Hub does not know the token."
    hub.error = 500
    assert "error (500)" in refusal(folder, hub).sentence
    hub.error = 0
    with pytest.raises(AppError, match="does not answer"):
        list(push(folder, "x", CARD, BASE, True, hub.token, "http://127.0.0.1:9"))
    (folder / "adapter_model.safetensors").unlink()
    assert refusal(folder, hub).code == "no_adapter"
    assert hub.models == {}


def test_a_large_file_that_does_not_get_through_is_told(
    folder: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.hub._Handler.do_PUT", lambda self: self._send(403, b"", {}))
    assert "may not write" in refusal(folder, hub).sentence
    assert hub.models["ada/captain"].files == {}


def test_what_the_hub_says_against_a_file_is_told_without_the_token(
    folder: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "not-like-any-token-0001"
    said = f"Storage of ada is\n full ({hub.token}). " + "x" * 900

    def refuse_large(self: Any, asked: dict[str, Any]) -> None:
        objects = [{**one, "error": {"code": 413, "message": said}} for one in asked["objects"]]
        self._send_json({"transfer": "basic", "objects": objects})

    monkeypatch.setattr("tests.hub._Handler._send_batch", refuse_large)
    error = refusal(folder, hub)
    assert (error.code, error.sentence) == ("hub_refused", "The Hub has refused the upload.")
    assert f"Storage of ada is full ({REMOVED})." in error.hint
    assert len(error.hint) == 300
    assert hub.models["ada/captain"].files == {}


def test_why_the_hub_forbids_it_is_told(folder: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "not-like-any-token-0001"
    headers = {"X-Error-Message": f"Private storage is used up for {hub.token}."}
    monkeypatch.setattr("tests.hub._Handler.do_PUT", lambda self: self._send(403, b"", headers))
    error = refusal(folder, hub)
    assert error.sentence == "The token may not write to ada/captain."
    assert error.hint.startswith(f"The Hub says: Private storage is used up for {REMOVED}. Make one that may write at ")


def test_names_are_read_as_people_write_them() -> None:
    assert repository_name(" ada/captain ") == "ada/captain"
    assert repository_name("https://huggingface.co/ada/captain/") == "ada/captain"
    for wrong in ("", "a/b/c", "ada/cap tain", "-x", "ada/x--y"):
        with pytest.raises(ConfigError, match="is no name on the Hub"):
            repository_name(wrong)
