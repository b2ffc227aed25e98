"""Talk to a tuned model: ``python -m trainer_image.chat CHAT_FOLDER`` answers the prompts in its requests."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from trainer_image.arguments import chat_environment, chat_load_arguments
from trainer_image.contract import (
    Answer,
    ChatConfig,
    ChatReady,
    PromptRequest,
    RunFolder,
    StopAnswerRequest,
    StopRequest,
    Token,
    Warned,
)
from trainer_image.errors import TrainerError
from trainer_image.launching.collecting import without_collecting
from trainer_image.launching.rewriting import import_unsloth
from trainer_image.log.crashes import explain
from trainer_image.reporter import Reporter

LISTEN_EVERY_S = 0.02
GATHER_S = 0.05
"""Tokens of so many seconds go into one event: fast enough to read along, few enough lines to poll."""

Speaker = Literal["tuned", "base"]


class Inbox:
    """What has been asked and is not done yet."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.prompts: deque[PromptRequest] = deque()
        self.stopped: set[str] = set()
        self.is_closing = False

    def look(self) -> None:
        """Take in the requests that have come."""
        self.is_closing |= self._reporter.was_told_to_pause
        for request in self._reporter.requests():
            if isinstance(request, PromptRequest):
                self.prompts.append(request)
            elif isinstance(request, StopAnswerRequest):
                self.stopped.add(request.prompt_id)
            elif isinstance(request, StopRequest):
                self.is_closing = True


class Stream:
    """Stands in for transformers' streamer: gathers tokens and emits them as text that breaks no letter in two."""

    def __init__(self, reporter: Reporter, tokenizer: Any, prompt_id: str, speaker: Speaker) -> None:
        self._reporter = reporter
        self._tokenizer = tokenizer
        self._prompt_id = prompt_id
        self._speaker: Speaker = speaker
        self._saw_prompt = False
        self._told = 0
        self._told_at = 0.0
        self.ids: list[int] = []
        self.first_at: float | None = None
        self.text = ""

    def put(self, value: Any) -> None:
        """Take the next token; the first call brings the prompt."""
        if not self._saw_prompt:
            self._saw_prompt = True
            return
        self.ids.extend(value.flatten().tolist())
        now = time.perf_counter()
        if self.first_at is None:
            self.first_at = now
        if now - self._told_at >= GATHER_S:
            self._tell(now)

    def end(self) -> None:
        """Tell the rest, half letters included: nothing follows that could complete them."""
        self._tell(time.perf_counter(), is_last=True)

    def _tell(self, now: float, is_last: bool = False) -> None:
        self.text = self._tokenizer.decode(self.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        # A letter of several bytes may be half there: it reads as U+FFFD until its last token has come.
        ready = self.text if is_last else self.text.rstrip("\ufffd")
        if len(ready) > self._told:
            piece, self._told, self._told_at = ready[self._told :], len(ready), now
            self._reporter.emit(Token(prompt_id=self._prompt_id, speaker=self._speaker, text=piece))


def chat(reporter: Reporter) -> None:
    """Load the model and answer until told to go, or until nobody has asked anything for long."""
    start = time.perf_counter()
    config = read_config(reporter.folder)
    os.environ.update(chat_environment(config))
    with reporter.phase("import"), without_collecting():
        from trainer_image.model import loading

        loading.check_model_is_there(config.model)
        # Unsloth comes first, as in training: it replaces parts of the others as they load.
        import_unsloth(())
        import torch
    with reporter.phase("load"):
        model, tokenizer = loading.load_with_adapter(chat_load_arguments(config), config.adapter)
    name = Path(config.adapter).name
    checkpoint = name if name.startswith("checkpoint-") else None
    reporter.emit(ChatReady(seconds=time.perf_counter() - start, checkpoint=checkpoint))

    inbox, idle_since = Inbox(reporter), time.perf_counter()
    while True:
        inbox.look()
        if inbox.is_closing or time.perf_counter() - idle_since > config.idle_seconds:
            return
        if not inbox.prompts:
            time.sleep(LISTEN_EVERY_S)
            continue
        prompt = inbox.prompts.popleft()
        for speaker in prompt.speakers:
            try:
                answer(prompt, speaker, reporter, inbox, config, model, tokenizer, torch)
            except (MemoryError, torch.OutOfMemoryError) as error:
                _, sentence, _ = explain(error)
                hint = "Ask for a shorter answer, or begin a new conversation."
                reporter.emit(Warned(code="answer_too_big", sentence=sentence, hint=hint))
                reporter.emit(silence(prompt, speaker))
        idle_since = time.perf_counter()


def read_config(folder: RunFolder) -> ChatConfig:
    """Read what is to be loaded."""
    try:
        return ChatConfig.model_validate_json(folder.chat.read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        hint = "Open the chat again from the app, which writes this file."
        raise TrainerError("bad_config", f"The chat in {folder.path} cannot be read: {error}", hint) from error


def silence(prompt: PromptRequest, speaker: Speaker) -> Answer:
    """Return the answer of a model that could not say anything."""
    return Answer(
        prompt_id=prompt.prompt_id,
        speaker=speaker,
        text="",
        tokens=0,
        first_token_s=0.0,
        tokens_per_s=0.0,
        stopped=True,
    )


def answer(
    prompt: PromptRequest,
    speaker: Speaker,
    reporter: Reporter,
    inbox: Inbox,
    config: ChatConfig,
    model: Any,
    tokenizer: Any,
    torch: Any,
) -> None:
    """Let one speaker answer one prompt, token by token."""
    from contextlib import nullcontext

    from transformers import StoppingCriteriaList

    from trainer_image.generating.samples import prompt_ids

    ids = prompt_ids([message.model_dump() for message in prompt.messages], tokenizer)
    room = config.max_length - len(ids)
    if room < 1:
        sentence = f"The conversation has {len(ids)} tokens, and the chat holds {config.max_length}."
        hint = "Begin a new conversation, or open the chat with a longer context."
        reporter.emit(Warned(code="conversation_too_long", sentence=sentence, hint=hint))
        reporter.emit(silence(prompt, speaker))
        return

    def is_stopped(_ids: Any, _scores: Any, **_rest: Any) -> Any:
        # Looking at a file costs some microseconds, a token some milliseconds.
        inbox.look()
        stop = inbox.is_closing or prompt.prompt_id in inbox.stopped
        return torch.full((1,), stop, dtype=torch.bool, device=model.device)

    stream = Stream(reporter, tokenizer, prompt.prompt_id, speaker)
    inputs = torch.tensor([ids], device=model.device)
    dice: dict[str, Any] = {"do_sample": False}
    if prompt.temperature > 0:
        dice = {"do_sample": True, "temperature": prompt.temperature, "top_p": prompt.top_p, "top_k": 0}
    torch.manual_seed(prompt.seed)
    start = time.perf_counter()
    longest = min(prompt.max_new_tokens, room)
    stays_silent = prompt.prompt_id in inbox.stopped
    if not stays_silent:
        with torch.inference_mode(), model.disable_adapter() if speaker == "base" else nullcontext():
            model.generate(
                input_ids=inputs,
                attention_mask=torch.ones_like(inputs),
                max_new_tokens=longest,
                pad_token_id=tokenizer.pad_token_id,
                stopping_criteria=StoppingCriteriaList([is_stopped]),
                streamer=stream,
                **dice,
            )
    seconds = time.perf_counter() - start
    is_whole = len(stream.ids) < longest or stream.ids[-1] in ends_of(model)
    reporter.emit(
        Answer(
            prompt_id=prompt.prompt_id,
            speaker=speaker,
            text=stream.text,
            tokens=len(stream.ids),
            first_token_s=(stream.first_at or start) - start,
            tokens_per_s=len(stream.ids) / max(seconds, 1e-9),
            stopped=prompt.prompt_id in inbox.stopped or inbox.is_closing,
            cut="" if is_whole else "context" if longest == room else "length",
        )
    )


def ends_of(model: Any) -> set[int]:
    """Return the tokens that a model ends an answer with."""
    ends = model.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}


def main(words: list[str]) -> int:
    """Chat, and tell the chat folder if it cannot."""
    if len(words) != 1 or not Path(words[0]).is_dir():
        print("Usage: python -m trainer_image.chat CHAT_FOLDER", file=sys.stderr)
        return 2
    reporter = Reporter(RunFolder(Path(words[0]).absolute()))
    reporter.listen_to_signals()
    reporter.take_over_output()
    with reporter.telling_failure():
        chat(reporter)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
