"""The card of the first start: this machine, the built-in example, and a file of one's own; gone once a run exists."""

from __future__ import annotations

import re

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QGridLayout

from desktop.controllers.hardware import Check, GpuSample, Hardware
from desktop.controllers.images import Images, ImageState
from desktop.ui import words
from desktop.ui.elided_button import ElidedButton
from desktop.ui.pieces import action_button, column, label, row
from desktop.ui.setup.example_line import ExampleLine
from desktop.ui.shapes import CHECK_SHAPES, CHECK_WORDS, check_colour, shape_icon
from desktop.ui.theme import Theme
from desktop.ui.window.actions import Actions

EXAMPLE = (
    "The example teaches a small model to talk like a sea captain. It takes minutes, also without a graphics card, "
    "and shows everything once."
)
OWN = "Your own rows: drop a file anywhere on this window, then go through the four steps."
BUILT_AT_START = "Trainer image: the first start builds it"


class Welcome(QFrame):
    """Says what is there and what to do first; nothing has to be clicked away."""

    doctor_requested = Signal(str)
    """The name of the check that the click was about."""

    def __init__(
        self, hardware: Hardware, images: Images, actions: Actions, theme: Theme, preparing: ExampleLine
    ) -> None:
        """``preparing`` is what shows how far the example is before its start."""
        super().__init__()
        self._hardware, self._images, self._theme = hardware, images, theme
        self._image: ImageState | None = None
        self._asked_for_image = False
        self.setProperty("role", "callout")
        self.setAccessibleName("First steps")
        self.engine = self._make_line("engine")
        self.cards = self._make_line("gpus")
        self.image = self._make_line("image")
        self.preparing = preparing
        self.example = action_button(actions["example"], "primary")
        self.choose = action_button(actions["choose_dataset"])
        machine = QGridLayout()
        machine.setContentsMargins(0, 0, 0, 0)
        machine.setSpacing(0)
        for number, line in enumerate((self.engine, self.cards, self.image)):
            machine.addWidget(line, number, 0)
        layout = column(
            label("First time here?", "title"),
            machine,
            label(EXAMPLE, wrap=True),
            self.example,
            self.preparing,
            label(OWN, wrap=True),
            row(self.choose, 1),
            space=8,
        )
        layout.setContentsMargins(16, 12, 16, 12)
        self.setLayout(layout)
        hardware.engine_checked.connect(self._show_engine)
        hardware.sampled.connect(self._show_cards)
        images.listed.connect(self._take_images)
        theme.theme_changed.connect(self._show)
        self._show()

    def _make_line(self, check: str) -> ElidedButton:
        return ElidedButton("", lambda: self.doctor_requested.emit(check))

    def _show(self) -> None:
        self._show_engine(self._hardware.engine)
        self._show_cards(self._hardware.samples)

    def _show_engine(self, check: Check | None) -> None:
        if check is None:
            self._say(self.engine, "absent", "Looking for Docker…", "")
        elif check.state == "ok":
            version = re.match(r"Docker \d+\.\d+", check.detail)
            self._say(self.engine, "ok", f"{version[0] if version else 'Docker'} answers", check.detail)
        else:
            self._say(self.engine, check.state, "No Docker: runs go without a container", f"{check.detail} {check.fix}")
        works = check is not None and check.state == "ok"
        self.image.setVisible(works)
        if works and not self._asked_for_image and self.isVisibleTo(self.window()):
            self._asked_for_image = True
            self._images.refresh()
        self._show_image()

    def _show_cards(self, samples: list[GpuSample]) -> None:
        if samples:
            total = sum(card.total_bytes for card in samples)
            names = " and ".join(sorted({card.name.removeprefix("NVIDIA ") for card in samples}))
            many = f"{len(samples)} × " if len(samples) > 1 else ""
            self._say(self.cards, "ok", f"{many}{names}, {words.memory(total)} GB", "What the cards have in all.")
        else:
            about = self._hardware.absent_because or "No NVIDIA graphics card answers here."
            self._say(self.cards, "absent", "No graphics card: the processor trains", about)

    def _take_images(self, there: list[ImageState]) -> None:
        self._image = next((image for image in there if image.is_used), None)
        self._show_image()

    def _show_image(self) -> None:
        image = self._image
        if image is not None and (image.is_current or image.is_chosen):
            self._say(self.image, "ok", "Trainer image: ready", f"{image.tag} is there.")
        elif image is not None:
            self._say(self.image, "warn", "Trainer image: old, a start builds it", f"{image.tag} is older.")
        else:
            self._say(self.image, "absent", BUILT_AT_START, "It is built once, in minutes; the doctor can do it now.")

    def _say(self, line: ElidedButton, state: str, text: str, about: str) -> None:
        line.setIcon(shape_icon(CHECK_SHAPES[state], check_colour(state, self._theme.colours)))
        line.set_words(text, f"{about} Press to examine this machine.".strip())
        line.setAccessibleName(f"{text} ({CHECK_WORDS[state]})")
        line.setAccessibleDescription("Opens the examination of this machine at this line.")
