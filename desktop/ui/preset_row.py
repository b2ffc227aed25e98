"""The presets as a row of buttons, and the sentence of the one that the form is at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from desktop.core.presets import PRESETS
from desktop.ui.config_summary import find_preset
from desktop.ui.pieces import column, label, row

OWN_MIX = "Your own mix: knobs that differ from their defaults are marked below."


class PresetRow(QWidget):
    """Follows the form's values; picking a preset is its owner's business."""

    preset_picked = Signal(object)
    """A Preset."""

    def __init__(self) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self.sentence = label("", "muted", wrap=True)
        self.buttons: list[QPushButton] = []
        for preset in PRESETS:
            choice = QPushButton(preset.name)
            choice.setCheckable(True)
            choice.setProperty("role", "preset")
            choice.setToolTip(preset.sentence)
            choice.setAccessibleDescription(preset.sentence)
            self._group.addButton(choice, len(self.buttons))
            self.buttons.append(choice)
        self._group.idClicked.connect(lambda index: self.preset_picked.emit(PRESETS[index]))
        self.setLayout(column(row(*self.buttons, 1), self.sentence))

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Mark the preset that these values are."""
        preset = find_preset(values)
        for choice, known in zip(self.buttons, PRESETS, strict=True):
            self._group.setExclusive(False)
            choice.setChecked(known is preset)
            self._group.setExclusive(preset is not None)
        self.sentence.setText(preset.sentence if preset else OWN_MIX)
