"""Keeps the form at the chosen preset while model, rows, method and cards change; what the user has set stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, QSettings, QTimer, Signal

from desktop.controllers.choosing import Choosing, Chosen
from desktop.core.presets import PresetKey, find_preset, is_kept
from desktop.errors import ConfigError
from desktop.ui.setup.config_form import ConfigForm

SETTING = "form/preset"


class PresetKeeper(QObject):
    """One form's preset; None while the form holds a config that came from elsewhere."""

    changed = Signal()
    """Look at ``chosen`` and ``own``."""

    def __init__(
        self, form: ConfigForm, choosing: Choosing, settings: QSettings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._form = form
        self._choosing = choosing
        self._settings = settings
        self._asked: tuple[object, ...] = ()
        self.key: PresetKey | None = None
        self.chosen: Chosen | None = None
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)
        choosing.facts_changed.connect(self._later.start)
        form.config_changed.connect(self._form_changed)
        form.config_set.connect(self.forget)

    @property
    def own(self) -> list[str]:
        """The knobs that differ from what the preset chose."""
        return self._form.changed_knobs()

    def pick(self, key: PresetKey) -> None:
        """Set every knob that presets set."""
        self.key = key
        self._settings.setValue(SETTING, key)
        self.chosen = self._choosing.choose(key, self._form.values())
        self._form.set_usual(self.chosen.values, find_preset(key).name)
        self._form.set_values(self.chosen.values)
        self.changed.emit()

    def pick_remembered(self) -> None:
        """Pick the preset that was picked last; at first Auto Set."""
        self.pick(self._remembered() or "auto")

    def adopt(self) -> None:
        """Take the remembered preset as what the values in the form came from, and change none of them."""
        key = self._remembered()
        if key is not None:
            self.key, self.chosen = key, None
            self.refresh()

    def forget(self) -> None:
        """The values in the form are somebody's own."""
        self.key = self.chosen = None
        self._settings.setValue(SETTING, "")
        self._form.set_usual({}, "")
        self.changed.emit()

    def refresh(self) -> None:
        """Work the preset out anew; knobs that the user has set otherwise stay."""
        if self.key is None:
            return
        before, values = self.chosen, self._form.values()
        chosen = self._choosing.choose(self.key, values)
        if before is not None and before == chosen:
            return
        self.chosen = chosen
        follow = _followers(before, chosen, {name: field.value() for name, field in self._form.fields.items()})
        self._form.set_usual(chosen.values, find_preset(self.key).name)
        if follow:
            self._form.set_values(follow)
        self.changed.emit()

    def refresh_soon(self) -> None:
        """Work the preset out anew once everything that goes on has settled."""
        self._later.start()

    def _form_changed(self) -> None:
        values = self._form.values()
        asked = tuple((name, str(value)) for name, value in values.items() if is_kept(name))
        if asked != self._asked:
            self._asked = asked
            self._later.start()
        self.changed.emit()

    def _remembered(self) -> PresetKey | None:
        try:
            return find_preset(str(self._settings.value(SETTING, "auto"))).key
        except ConfigError:
            return None


def _followers(before: Chosen | None, now: Chosen, entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return the knobs that are still as the preset had them, with what it says now."""
    if before is None:
        return {}
    return {
        name: value
        for name, value in now.values.items()
        if entered[name] == before.values[name] and value != before.values[name]
    }
