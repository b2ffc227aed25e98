"""A model's tokenizer and chat template without transformers: what the trainer's own would make of a text."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend
from tokenizers.decoders import DecodeStream

from desktop.engine.chat_template import LONGEST, ChatTemplate
from desktop.errors import AppError

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class Tokenizer:
    """What ``trainer_image.data.rendering`` and ``encoding`` ask of a tokenizer, under transformers' names."""

    def __init__(self, backend: Backend, config: Mapping[str, Any], templates: Mapping[str, str]) -> None:
        self._backend = backend
        self._backend.no_truncation()
        self._backend.no_padding()
        self._named = {name: token for name in NAMED if (token := _content(config.get(name)))}
        # As the trainer does, which needs one.
        if "pad_token" not in self._named and "eos_token" in self._named:
            self._named["pad_token"] = self._named["eos_token"]
        self.doubt = _doubt(backend, config)
        """What a person should know before trusting the ids, or nothing."""
        self._others = list(_other_tokens(config))
        self._add_missing_tokens(config)
        self._sources = dict(templates)
        self._templates: dict[str, ChatTemplate] = {}

    @classmethod
    def load(cls, folder: Path) -> Tokenizer:
        """Read the tokenizer of a model folder; AppError says what is missing."""
        file = folder / "tokenizer.json"
        if not file.is_file():
            slow = any((folder / name).is_file() for name in ("tokenizer.model", "vocab.json", "vocab.txt"))
            what = "only the older files of a tokenizer" if slow else "no tokenizer"
            hint = "The run itself may still work; for a preview take a model with a tokenizer.json."
            raise AppError(f"The model folder {folder.name} has {what} in it.", hint, "no_tokenizer")
        config = _read_json(folder / "tokenizer_config.json")
        if "added_tokens_decoder" not in config:
            config = config | _read_json(folder / "special_tokens_map.json")
        try:
            backend = Backend.from_file(str(file))
        # The library raises bare Exceptions for files that it cannot read.
        except Exception as error:
            sentence = f"The tokenizer of {folder.name} cannot be read ({str(error)[:200]})."
            raise AppError(sentence, "Fetch the model again.", "no_tokenizer") from error
        return cls(backend, config, _templates(folder, config))

    def with_template(self, source: str) -> Tokenizer:
        """Return the same tokenizer with another chat template."""
        other = copy.copy(self)
        other._sources, other._templates = {"default": source}, {}
        return other

    @property
    def chat_template(self) -> str | None:
        """The template for a plain conversation."""
        return self._sources.get("default")

    @property
    def eos_token(self) -> str | None:
        return self._named.get("eos_token")

    @property
    def eos_token_id(self) -> int | None:
        return self._id_of("eos_token")

    @property
    def pad_token_id(self) -> int | None:
        return self._id_of("pad_token")

    @property
    def all_special_tokens(self) -> list[str]:
        return list(dict.fromkeys((*self._named.values(), *self._others)))

    def apply_chat_template(
        self,
        turns: Sequence[dict[str, Any]],
        tools: Sequence[Any] | None = None,
        tokenize: bool = False,
        add_generation_prompt: bool = False,
    ) -> str:
        """Write a conversation by the model's template, as text."""
        assert not tokenize
        name = "tool_use" if tools is not None and "tool_use" in self._sources else "default"
        if not turns:
            raise ValueError("a conversation needs a turn")
        if name not in self._templates:
            self._templates[name] = ChatTemplate(self._sources[name])
        return self._templates[name].write(turns, tools, add_generation_prompt, dict(self._named))

    def __call__(
        self,
        text: str | Sequence[str],
        add_special_tokens: bool = True,
        return_offsets_mapping: bool = False,
        return_attention_mask: bool = True,
    ) -> dict[str, Any]:
        """Return the ids of a text or of several, and where in it each token lies."""
        texts = [text] if isinstance(text, str) else list(text)
        made = self._backend.encode_batch(texts, add_special_tokens=add_special_tokens)
        answer: dict[str, Any] = {"input_ids": [one.ids for one in made]}
        if return_offsets_mapping:
            answer["offset_mapping"] = [one.offsets for one in made]
        if return_attention_mask:
            answer["attention_mask"] = [one.attention_mask for one in made]
        return {key: values[0] for key, values in answer.items()} if isinstance(text, str) else answer

    def pieces(self, ids: Sequence[int]) -> Iterator[str]:
        """Yield the text of each token; a letter that several tokens make stands at the last of them."""
        stream = DecodeStream(skip_special_tokens=False)
        for one in ids:
            yield stream.step(self._backend, one) or ""

    def _id_of(self, name: str) -> int | None:
        token = self._named.get(name)
        found: int | None = self._backend.token_to_id(token) if token else None
        return found

    def _add_missing_tokens(self, config: Mapping[str, Any]) -> None:
        """Add the tokens that the config names and the tokenizer's file lacks."""
        known = {token.content for token in self._backend.get_added_tokens_decoder().values()}
        listed = config.get("added_tokens_decoder")
        tokens = sorted(listed.items(), key=lambda item: int(item[0])) if isinstance(listed, dict) else []
        missing = [_added(token) for _, token in tokens if _content(token) not in known]
        named = [*self._named.values(), *self._others]
        taken = known | {token.content for token in missing}
        missing += [AddedToken(token, special=True) for token in dict.fromkeys(named) if token not in taken]
        if missing:
            self._backend.add_tokens(missing)


def _doubt(backend: Backend, config: Mapping[str, Any]) -> str:
    """Say where the trainer's tokenizer may give other ids than the file.

    transformers builds tokenizers of this class anew from their vocabulary: without a normalizer, and with a blank put
    before the first word alone, or before each that follows a special token where the config says "legacy". Whether it
    does so for a model hangs on a table in transformers, so the file stays what is shown, and the doubt is said.
    """
    told = config.get("tokenizer_class")
    if not isinstance(told, str) or told.removesuffix("Fast") != "LlamaTokenizer":
        return ""
    scheme = "always" if config.get("legacy") else "first"
    scheme = scheme if config.get("add_prefix_space", True) in (True, None) else "never"
    made_anew = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}
    splits = backend.pre_tokenizer
    if backend.normalizer is None and splits is not None and json.loads(splits.__getstate__()) == made_anew:
        return ""
    return f"The trainer may build this tokenizer ({told}) anew: a token beside a special one may differ."


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise AppError(f"{file.name} of the model cannot be read.", "Fetch the model again.", "no_tokenizer") from error
    return value if isinstance(value, dict) else {}


def _templates(folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the chat templates by their names; a file goes before what the config says."""
    told = config.get("chat_template")
    found: dict[str, str] = {}
    if isinstance(told, str):
        found["default"] = told
    elif isinstance(told, list):
        found = {one["name"]: one["template"] for one in told if isinstance(one, dict) and "template" in one}
    file, others = folder / "chat_template.jinja", folder / "additional_chat_templates"
    files = {"default": file} if file.is_file() else {}
    files |= {one.stem: one for one in others.glob("*.jinja")} if others.is_dir() else {}
    return found | {name: one.read_text(encoding="utf-8")[:LONGEST] for name, one in files.items()}


def _other_tokens(config: Mapping[str, Any]) -> Iterator[str]:
    told = config.get("extra_special_tokens") or config.get("additional_special_tokens") or ()
    for token in told.values() if isinstance(told, Mapping) else told:
        content = _content(token)
        if content:
            yield content


def _content(token: Any) -> str:
    """Return the text of a token, which may be written as an object."""
    content = token.get("content") if isinstance(token, Mapping) else token
    return content if isinstance(content, str) else ""


def _added(token: Mapping[str, Any]) -> AddedToken:
    told = {name: bool(token[name]) for name in ("lstrip", "rstrip", "single_word", "normalized") if name in token}
    return AddedToken(_content(token), special=bool(token.get("special")), **told)
