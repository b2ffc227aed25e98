"""What came out: ask the tuned model and its base the same thing, and read both answers side by side."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QCheckBox, QLabel, QSplitter, QStackedLayout, QWidget

from desktop.controllers.chat import ChatState
from desktop.controllers.demo import QUESTION
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.chat.column import ChatColumn
from desktop.ui.chat.prompt_field import PromptField
from desktop.ui.models.picker import ModelPicker
from desktop.ui.pieces import ElidedLabel, action_button, boxed, button, column, label, row
from desktop.ui.runs.commands import has_something_to_say
from desktop.ui.runs.failure_panel import FailurePanel
from desktop.ui.runs.phase_line import PHASE_WORDS
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.theme import Theme
from desktop.ui.window.actions import Actions
from trainer_image.contract import Answer

STATE_WORDS = {
    ChatState.CLOSED: "not loaded",
    ChatState.OPENING: "loading",
    ChatState.READY: "ready",
    ChatState.ANSWERING: "answering",
    ChatState.FAILED: "could not be loaded",
}
MAX_SUGGESTIONS = 4


class ChatDock(QWidget):
    """One conversation, in one column or two."""

    def __init__(self, services: Services, actions: Actions, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._chat = services.chat
        self._runs = services.runs
        self._notices = services.notices
        self._actions = actions
        self._settings = services.settings
        self._opened_at: datetime | None = None
        self._phase = ""
        self._loaded: tuple[str | None, int | None] = (None, None)
        self.picker = ModelPicker(services.runs, selection)
        self.compare = QCheckBox("Compare with the base model")
        self.compare.setChecked(services.settings.value("chat/compare", "true") != "false")
        self.state = ElidedLabel("", "muted", Qt.TextElideMode.ElideMiddle)
        self.columns = {"base": ChatColumn("Base", "as it was"), "tuned": ChatColumn("Tuned", "")}
        self.failure = FailurePanel(theme)
        self.prompt = PromptField()
        self.suggestions = row()
        self._compose()
        self._connect(selection)
        self._state_changed()

    # What it is made of

    def _compose(self) -> None:
        load, unload = self._actions["load_chat"], self._actions["close_chat"]
        self.load, self.unload = action_button(load, "primary"), action_button(unload)
        head = row(self.picker, self.load, self.unload, self.state, self.compare)
        head.setContentsMargins(12, 4, 12, 0)
        splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        splitter.setHandleWidth(16)
        for side in self.columns.values():
            frame = boxed(column(side), "card")
            splitter.addWidget(frame)
        splitter.setSizes([1000, 1000])
        self.splitter = splitter
        self.empty = label("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(splitter)
        self.send = button("Send", self.prompt.send, "primary")
        self.stop = action_button(self._actions["stop_answer"])
        self.again = action_button(self._actions["new_conversation"], "link")
        foot = row(self.prompt, column(1, row(self.stop, self.send)), space=8)
        body = column(self.failure, self._stack, row(self.suggestions, 1, self.again), foot, space=12)
        body.setStretch(1, 1)
        body.setContentsMargins(12, 0, 12, 12)
        self.setLayout(column(head, body, space=12))

    def _connect(self, selection: Selection) -> None:
        actions, chat = self._actions, self._chat
        actions["load_chat"].triggered.connect(self.open)
        actions["close_chat"].triggered.connect(chat.close)
        actions["stop_answer"].triggered.connect(chat.stop)
        actions["stop_answer"].setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        actions["new_conversation"].triggered.connect(self.begin_anew)
        self.addAction(actions["stop_answer"])
        self.picker.picked.connect(self._picked)
        self.compare.toggled.connect(self._compare_toggled)
        self.prompt.sent.connect(self.ask)
        selection.chat_requested.connect(lambda _: self.open())
        chat.state_changed.connect(lambda _: self._state_changed())
        chat.phase_changed.connect(self._phase_changed)
        chat.token_arrived.connect(self._token_arrived)
        chat.answered.connect(self._answered)
        chat.warned.connect(lambda sentence, hint: self._notices.post("warning", sentence, hint))
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self._show_state)
        self._compare_toggled(self.compare.isChecked())

    # What the user wants

    def open(self) -> None:
        """Load the chosen run, or its chosen checkpoint."""
        run = self.picker.run
        if run is None:
            return
        try:
            self._chat.open(run, self.picker.step)
        except AppError as error:
            self._notices.post_error(error, run.id)
            return
        if self._loaded != (run.id, self.picker.step):
            self._loaded = (run.id, self.picker.step)
            self.begin_anew()
        self._picked()

    def ask(self, text: str) -> None:
        """Send a prompt to one model or to both; each goes on from what it said itself."""
        base, tuned = self.columns["base"], self.columns["tuned"]
        is_compared = self.compare.isChecked()
        try:
            if is_compared and base.history() == tuned.history():
                prompt_id = self._chat.ask(text, against_base=True, history=tuned.history())
                base.ask(prompt_id, text)
            else:
                if is_compared:
                    base.ask(self._chat.ask(text, history=base.history(), speakers=["base"]), text)
                prompt_id = self._chat.ask(text, history=tuned.history())
            tuned.ask(prompt_id, text)
        except AppError as error:
            self._notices.post_error(error)
            return
        self.prompt.clear()
        self._show_suggestions()

    def begin_anew(self) -> None:
        """Forget what was said."""
        self._chat.stop()
        for side in self.columns.values():
            side.clear()
        self._show_suggestions()
        self.prompt.setFocus()

    def first_open_part(self) -> QWidget:
        """Return where work begins: the prompt once it may be written, else the button that loads."""
        return self.prompt if self.prompt.isEnabled() else self.load

    # What it hears

    def _token_arrived(self, prompt_id: str, speaker: str, text: str) -> None:
        self.columns[speaker].add_token(prompt_id, text)

    def _answered(self, answer: Answer) -> None:
        self.columns[answer.speaker].complete(answer)

    def _phase_changed(self, name: str) -> None:
        self._phase = next((text for key, (text, _) in PHASE_WORDS.items() if key == name), name)
        self._show_state()

    def _state_changed(self) -> None:
        state = self._chat.state
        if state is ChatState.OPENING:
            self._opened_at, self._phase = datetime.now(UTC), "Starting"
            self._clock.start()
        else:
            self._clock.stop()
        failure = self._chat.failure if state is ChatState.FAILED else None
        if failure is not None:
            self.failure.show_failure(failure.sentence, failure.hint, self._chat.log_tail)
        else:
            self.failure.show_failure("", "", "")
        if state in (ChatState.CLOSED, ChatState.FAILED):
            for side in self.columns.values():
                side.break_off()
        self._picked()

    def _picked(self) -> None:
        """Show what may be done with the chosen run in the state that the chat is in."""
        run, state = self.picker.run, self._chat.state
        is_this = run is not None and self._chat.is_open and self._chat.run_id == run.id and self._is_loaded_step()
        can_load = run is not None and has_something_to_say(run) and not is_this
        self._actions["load_chat"].setEnabled(can_load)
        self._actions["close_chat"].setEnabled(self._chat.is_open)
        self._actions["stop_answer"].setEnabled(state is ChatState.ANSWERING)
        can_ask = is_this and state in (ChatState.READY, ChatState.ANSWERING)
        self.load.setVisible(not is_this)
        self.unload.setVisible(self._chat.is_open)
        self.stop.setVisible(state is ChatState.ANSWERING)
        self.send.setEnabled(can_ask)
        self.prompt.setEnabled(can_ask)
        is_started = any(side.exchanges for side in self.columns.values())
        self._stack.setCurrentIndex(1 if can_ask or is_started else 0)
        if run is None:
            self.empty.setText("When a run has made a checkpoint, talk to it here and compare it with its base model.")
        elif not has_something_to_say(run):
            self.empty.setText(f"{run.name} has nothing to talk to yet: its first checkpoint comes while it trains.")
        elif is_this:
            self.empty.setText("The model is being loaded. That takes from seconds to a few minutes.")
        else:
            self.empty.setText(f"Load {run.name} to talk to it.")
        self.columns["tuned"].detail.setText(self._tuned_words())
        self._show_suggestions()
        self._show_state()

    def _is_loaded_step(self) -> bool:
        return self.picker.step is None or self.picker.step == self._chat.checkpoint

    def _tuned_words(self) -> str:
        if not self._chat.is_open:
            return ""
        step = self._chat.checkpoint
        return f"step {words.count(step)}" if step is not None else "final"

    def _show_state(self) -> None:
        state = self._chat.state
        text = STATE_WORDS[state]
        if state is ChatState.OPENING and self._opened_at is not None:
            seconds = (datetime.now(UTC) - self._opened_at).total_seconds()
            text = f"{self._phase} · {words.duration(round(seconds))}"
        loaded = self._runs.get(self._chat.run_id or "")
        if self._chat.is_open and loaded is not None and loaded != self.picker.run:
            text = f"{loaded.name}: {text}"
        self.state.set_whole_text(text)

    def _show_suggestions(self) -> None:
        """Offer the run's sample prompts until something was asked."""
        while item := self.suggestions.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        is_started = any(side.exchanges for side in self.columns.values())
        self.again.setVisible(is_started)
        run = self.picker.run
        if run is None or is_started or not self.prompt.isEnabled():
            return
        for prompt in (run.config.sample_prompts or (QUESTION,))[:MAX_SUGGESTIONS]:
            short = prompt if len(prompt) <= 48 else prompt[:47] + "…"
            chip = button(short, lambda prompt=prompt: self.ask(prompt), "chip", f"Ask: {prompt}")  # type: ignore[misc]
            self.suggestions.addWidget(chip)

    def _compare_toggled(self, is_on: bool) -> None:
        self._settings.setValue("chat/compare", "true" if is_on else "false")
        base: QLabel | QWidget | None = self.columns["base"].parentWidget()
        if base is not None:
            base.setVisible(is_on)
