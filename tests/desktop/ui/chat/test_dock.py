"""The chat: loads, streams token by token into two columns, stops, and goes on with what was said."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.controllers.chat import ChatState
from desktop.ui.chat.column import Exchange
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, FakeTrainer
from trainer_image.contract import (
    Answer,
    ChatReady,
    Failed,
    Finished,
    PromptRequest,
    StopAnswerRequest,
    Token,
    read_request,
)


class Talk:
    """A window in Judge with the model of a finished run loaded."""

    def __init__(self, window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
        self.window, self.bench, self.qtbot = window, bench, qtbot
        self.dock = window.chat_dock
        (folder,) = bench.home.chats.iterdir()
        self.trainer = FakeTrainer(folder)

    def ready(self) -> None:
        self.trainer.say(ChatReady(seconds=2.0))
        self.qtbot.waitUntil(lambda: self.bench.services.chat.state is ChatState.READY)

    def requests(self) -> list[object]:
        return [read_request(line) for line in self.trainer.files.requests.read_text().splitlines()]

    def ask(self, text: str) -> PromptRequest:
        self.qtbot.keyClicks(self.dock.prompt, text)
        self.qtbot.keyClick(self.dock.prompt, Qt.Key.Key_Return)
        request = self.requests()[-1]
        assert isinstance(request, PromptRequest)
        return request

    def answer(self, prompt_id: str, speaker: str, text: str, *, stopped: bool = False, cut: str = "") -> None:
        self.trainer.say(
            Answer(
                prompt_id=prompt_id,
                speaker=speaker,  # type: ignore[arg-type]
                text=text,
                tokens=9,
                first_token_s=0.31,
                tokens_per_s=41.2,
                stopped=stopped,
                cut=cut,  # type: ignore[arg-type]
            )
        )

    def last(self, speaker: str) -> Exchange:
        return self.dock.columns[speaker].exchanges[-1]


@pytest.fixture
def talk(window: MainWindow, bench: Bench, start_run: Callable[..., str], qtbot: QtBot) -> Talk:
    run_id = start_run(sample_prompts=("Who are you?",))
    trainer = bench.trainer(run_id)
    trainer.files.adapter.mkdir()
    trainer.say(Finished(step=9, adapter="adapter", seconds=3))
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state == "finished")
    window.views.show("judge")
    assert window.chat_dock.load.isEnabled()
    window.chat_dock.load.click()
    return Talk(window, bench, qtbot)


def test_with_another_run_chosen_the_chat_stays_as_narrow(
    talk: Talk, start_run: Callable[..., str], bench: Bench, qtbot: QtBot
) -> None:
    talk.ready()
    alone = talk.dock.minimumSizeHint().width()
    other = start_run(seed=5)
    trainer = bench.trainer(other)
    trainer.files.adapter.mkdir()
    trainer.say(Finished(step=9, adapter="adapter", seconds=3))
    qtbot.waitUntil(lambda: bench.services.runs.get(other).state == "finished")
    loaded = bench.services.chat.run_id
    bench.services.runs.rename(str(loaded), "a captain with a very high learning rate indeed")
    talk.window.selection.select(other)
    qtbot.waitUntil(lambda: talk.dock.state.whole_text().startswith("a captain with"))
    assert talk.dock.load.isVisible()
    assert talk.dock.unload.isVisible()
    # Both buttons together are what it may grow by; the words beside them end in an ellipsis.
    assert talk.dock.minimumSizeHint().width() <= max(alone, 900)


def test_loading_has_a_name(talk: Talk, qtbot: QtBot) -> None:
    assert talk.bench.services.chat.state is ChatState.OPENING
    talk.trainer.phase("load", 3)
    qtbot.waitUntil(lambda: talk.dock.state.whole_text().startswith("Loading the model"))
    assert not talk.dock.prompt.isEnabled()
    talk.ready()
    assert talk.dock.prompt.isEnabled()
    assert talk.dock.state.whole_text() == "ready"


def test_answers_stream_into_two_columns(talk: Talk, qtbot: QtBot) -> None:
    talk.ready()
    request = talk.ask("How do I keep bread fresh?")
    assert request.speakers == ["tuned", "base"]
    assert talk.dock.prompt.toPlainText() == ""
    talk.trainer.say(Token(prompt_id=request.prompt_id, speaker="tuned", text="Aho"))
    qtbot.waitUntil(lambda: talk.last("tuned").answer.text() == "Aho")
    talk.trainer.say(Token(prompt_id=request.prompt_id, speaker="tuned", text="y!"))
    talk.trainer.say(Token(prompt_id=request.prompt_id, speaker="base", text="Cool"))
    qtbot.waitUntil(lambda: talk.last("tuned").answer.text() == "Ahoy!")
    qtbot.waitUntil(lambda: talk.last("base").answer.text() == "Cool")
    talk.answer(request.prompt_id, "tuned", "Ahoy!")
    qtbot.waitUntil(lambda: talk.last("tuned").is_complete)
    assert talk.last("tuned").stats.text() == "9 tokens · 41 tokens/s · first token after 0.3 s"
    assert not talk.last("base").is_complete


def test_escape_stops(talk: Talk, qtbot: QtBot) -> None:
    talk.ready()
    request = talk.ask("Tell me everything.")
    qtbot.waitUntil(talk.dock.stop.isVisible)
    qtbot.keyClick(talk.dock.prompt, Qt.Key.Key_Escape)
    stop = talk.requests()[-1]
    assert isinstance(stop, StopAnswerRequest)
    assert stop.prompt_id == request.prompt_id
    talk.answer(request.prompt_id, "tuned", "Ah", stopped=True)
    talk.answer(request.prompt_id, "base", "", stopped=True)
    qtbot.waitUntil(lambda: talk.dock.stop.isHidden())
    assert talk.last("tuned").stats.text().endswith("stopped")
    assert talk.last("base").answer.text() == "(nothing)"


def test_an_answer_that_was_cut_says_why(talk: Talk, qtbot: QtBot) -> None:
    talk.ready()
    request = talk.ask("Tell me everything.")
    talk.answer(request.prompt_id, "tuned", "Once upon", cut="length")
    talk.answer(request.prompt_id, "base", "Once upon a", cut="context")
    qtbot.waitUntil(lambda: talk.dock.stop.isHidden(), timeout=60_000)
    assert talk.last("tuned").stats.text().endswith("cut off: as long as an answer may be")
    assert talk.last("base").stats.text().endswith("cut off: the conversation is full, begin a new one")


def test_each_column_goes_on_from_what_it_said(talk: Talk, qtbot: QtBot) -> None:
    talk.ready()
    first = talk.ask("One?")
    talk.answer(first.prompt_id, "base", "base one")
    talk.answer(first.prompt_id, "tuned", "tuned one")
    qtbot.waitUntil(lambda: talk.last("tuned").is_complete)
    talk.ask("Two?")
    base, tuned = talk.requests()[-2:]
    assert isinstance(base, PromptRequest)
    assert isinstance(tuned, PromptRequest)
    assert (base.speakers, tuned.speakers) == (["base"], ["tuned"])
    assert [turn.content for turn in base.messages] == ["One?", "base one", "Two?"]
    assert [turn.content for turn in tuned.messages] == ["One?", "tuned one", "Two?"]
    talk.answer(base.prompt_id, "base", "base two")
    qtbot.waitUntil(lambda: talk.last("base").answer.text() == "base two")
    talk.window.actions_by_name["new_conversation"].trigger()
    assert talk.dock.columns["base"].exchanges == []
    assert talk.dock.columns["tuned"].history() == []


def test_shift_enter_begins_a_line_and_suggestions_are_asked(talk: Talk, qtbot: QtBot) -> None:
    talk.ready()
    qtbot.keyClick(talk.dock.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert talk.dock.prompt.toPlainText() == "\n"
    chip = talk.dock.suggestions.itemAt(0).widget()
    chip.click()
    request = talk.requests()[-1]
    assert isinstance(request, PromptRequest)
    assert request.messages[-1].content == "Who are you?"


def test_ctrl_enter_sends_and_starts_no_run(talk: Talk, qtbot: QtBot) -> None:
    talk.ready()
    known = len(talk.bench.services.runs.all())
    qtbot.keyClicks(talk.dock.prompt, "Hello?")
    qtbot.keyClick(talk.dock.prompt, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert isinstance(talk.requests()[-1], PromptRequest)
    assert len(talk.bench.services.runs.all()) == known
    assert talk.window.views.current == "judge"


def test_without_comparison_the_tuned_model_answers_alone(talk: Talk) -> None:
    talk.ready()
    talk.dock.compare.setChecked(False)
    assert talk.ask("Alone?").speakers == ["tuned"]
    assert not talk.dock.columns["base"].isVisible()


def test_a_failed_chat_says_why(talk: Talk, qtbot: QtBot) -> None:
    talk.trainer.print("no room for weights\n")
    talk.trainer.say(Failed(code="out_of_memory", sentence="The card is full.", hint="Close other programs."))
    qtbot.waitUntil(talk.dock.failure.isVisible)
    assert talk.dock.failure.sentence.text() == "The card is full."
    assert "no room for weights" in talk.dock.failure.log.toPlainText()
    assert talk.dock.load.isVisible()
    assert talk.dock.load.isEnabled()


def test_nothing_to_talk_to_is_said(window: MainWindow, start_run: Callable[..., str]) -> None:
    window.views.show("judge")
    assert "talk to it here" in window.chat_dock.empty.text()
    start_run("young")
    assert "young has nothing to talk to yet" in window.chat_dock.empty.text()
    assert not window.actions_by_name["load_chat"].isEnabled()


def test_what_nobody_chose_moves_on_to_the_newest(
    window: MainWindow, bench: Bench, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    run_id = start_run()
    trainer, picker = bench.trainer(run_id), window.chat_dock.picker
    trainer.hello()
    trainer.plan(100)
    trainer.checkpoint(25)
    qtbot.waitUntil(lambda: picker.step == 25)
    trainer.checkpoint(50)
    shutil.rmtree(trainer.files.checkpoint(25))  # thinned out
    qtbot.waitUntil(lambda: picker.step == 50)
    trainer.say(Finished(step=100, adapter="adapter", seconds=9.0))
    qtbot.waitUntil(lambda: picker.run is not None and picker.run.state.value == "finished")
    assert picker.step is None
    assert picker.step_box.currentText() == "final"
