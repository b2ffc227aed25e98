"""The presets as a row of buttons, and what the chosen one has set and why, each reason a way to its knob."""

from __future__ import annotations

import html

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QLabel, QPushButton, QSizePolicy, QWidget

from desktop.controllers.choosing import Chosen
from desktop.core.presets import PRESETS, PresetKey, find_preset
from desktop.ui import words
from desktop.ui.pieces import button, column, label, row

OWN_MIX = "Your own settings. A preset would set every knob anew for this model, these rows and this machine."


class PresetRow(QWidget):
    """Shows what it is told; picking a preset is its owner's business."""

    preset_picked = Signal(str)
    """The key of a preset."""
    knob_requested = Signal(str)
    reset_requested = Signal()
    """Put every knob back to what the preset has chosen."""

    def __init__(self) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self.sentence = label("", "muted", wrap=True)
        self.reasons = _Reasons()
        self.reasons.linkActivated.connect(self.knob_requested)
        self.reset = button("", self.reset_requested.emit, "link")
        self.buttons: dict[PresetKey, QPushButton] = {}
        for preset in PRESETS:
            choice = QPushButton(preset.name)
            choice.setCheckable(True)
            choice.setProperty("role", "preset")
            choice.setToolTip(preset.sentence)
            choice.setAccessibleDescription(preset.sentence)
            choice.clicked.connect(lambda _=False, key=preset.key: self.preset_picked.emit(key))
            self._group.addButton(choice)
            self.buttons[preset.key] = choice
        self.setLayout(column(row(*self.buttons.values(), 1), self.sentence, self.reasons, row(self.reset, 1), space=4))
        self.show_chosen(None, 0)

    def show_chosen(self, chosen: Chosen | None, own: int) -> None:
        """Show what a preset has come to, and how many knobs the user has set otherwise; None is no preset."""
        self._group.setExclusive(False)
        for key, choice in self.buttons.items():
            choice.setChecked(chosen is not None and chosen.preset == key)
        self._group.setExclusive(chosen is not None)
        self.sentence.setText(find_preset(chosen.preset).sentence if chosen else OWN_MIX)
        self.reasons.show_reasons(chosen)
        name = find_preset(chosen.preset).name if chosen else ""
        self.reset.setText(f"{words.plural(own, 'knob')} set by you: back to what {name} chose")
        self.reset.setVisible(chosen is not None and own > 0)


class _Reasons(QLabel):
    """A sentence whose choices are links; they can be reached and followed with the keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.setAccessibleDescription("Each choice is a link to its knob.")

    def changeEvent(self, event: QEvent) -> None:
        """The colour of a link is fixed when its text is set: it has to follow the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.text():
            text = self.text()
            self.clear()
            self.setText(text)

    def show_reasons(self, chosen: Chosen | None) -> None:
        """Write out what was chosen and why."""
        self.setVisible(chosen is not None)
        parts = [
            f'<a href="{html.escape(reason.knob)}">{html.escape(reason.what)}</a>'
            + (f", because {html.escape(reason.why)}" if reason.why else "")
            for reason in (chosen.reasons if chosen else ())
        ]
        lead = "It chose " if chosen is not None and chosen.fits else ""
        self.setText(f"{lead}{'; '.join(parts)}." if parts else "")
        self.setAccessibleName(chosen.sentence if chosen else "")
