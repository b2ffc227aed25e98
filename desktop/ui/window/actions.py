"""Every action of the window, declared once: menus, buttons, shortcuts and the palette are made from this list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

Menu = Literal["Run", "Config", "Chat", "View", "Help"]
MENUS: tuple[Menu, ...] = ("Run", "Config", "Chat", "View", "Help")


@dataclass(frozen=True)
class Declared:
    """One action: its words, where it is found, and the key that does it."""

    name: str
    text: str
    menu: Menu
    shortcut: str = ""
    help: str = ""
    is_checkable: bool = False
    is_local: bool = False
    """Its key works in the dock that owns it, not in the whole window."""
    opens_section: bool = False


DECLARED: tuple[Declared, ...] = (
    Declared("new_run", "New run", "Run", "Ctrl+N", "Begin a new config with every knob at its default."),
    Declared("start", "Start", "Run", "Ctrl+Return", "Start the run that the form describes."),
    Declared(
        "start_later",
        "Start later…",
        "Run",
        "Ctrl+Shift+Return",
        "Choose the hour at which the run that the form describes starts.",
    ),
    Declared(
        "find_rate",
        "Find learning rate",
        "Run",
        "Ctrl+Shift+L",
        "Start a short run that tries learning rates with this config and suggests one. It keeps no model.",
    ),
    Declared("example", "Run the example", "Run", "Ctrl+E", "Train a small model to talk like a sea captain."),
    Declared(
        "pause",
        "Pause",
        "Run",
        "Space",
        "Save at the next step and end, to go on later.",
        is_local=True,
        opens_section=True,
    ),
    Declared("checkpoint", "Checkpoint now", "Run", "Ctrl+B", "Save at the next step and go on."),
    Declared("cancel", "Cancel run", "Run", "Ctrl+.", "Save at the next step and end. Resume would go on from there."),
    Declared(
        "all_runs",
        "Table of runs",
        "Run",
        "Ctrl+Shift+R",
        "Give the runs the whole window, with every column, or put the view back.",
        opens_section=True,
        is_checkable=True,
    ),
    Declared(
        "compare_runs",
        "Compare",
        "Run",
        "Ctrl+Shift+C",
        "See the curves, results and settings of the chosen runs together. Hold Ctrl or Shift to choose several.",
    ),
    Declared("label_runs", "Tags and notes…", "Run", "Ctrl+Shift+T", "Write tags and a note on the chosen runs."),
    Declared("rename_run", "Rename run", "Run", "F2", is_local=True, opens_section=True),
    Declared("archive_runs", "Archive", "Run", "Ctrl+Shift+A", "Put the chosen runs away. Their folders stay."),
    Declared("delete_run", "Delete run", "Run", "Del", "Delete the chosen runs with their folders.", is_local=True),
    Declared("passport", "Passport…", "Run", "Ctrl+I", "What this run was made of, to copy or save."),
    Declared(
        "reproduce",
        "Reproduce this run",
        "Run",
        "Ctrl+Shift+P",
        "Start the same again, and say what cannot be the same.",
    ),
    Declared(
        "push",
        "Push to the Hub…",
        "Run",
        "Ctrl+Shift+H",
        "Send the finished model to the Hub, with a card about the run.",
    ),
    Declared("open_folder", "Open run folder", "Run", "Ctrl+Shift+O"),
    Declared("load_config", "Clone into the form", "Run", "Ctrl+L", "Show the config of this run in the form."),
    Declared("talk", "Talk to it", "Run", "Ctrl+T", "Open the model of this run in the chat."),
    Declared("quit", "Quit", "Run", "Ctrl+Q", "Close the window. Runs go on.", opens_section=True),
    Declared("choose_model", "Choose model folder…", "Config", "Ctrl+M"),
    Declared("choose_dataset", "Choose dataset…", "Config", "Ctrl+O"),
    Declared(
        "look_at_data", "Look at the data…", "Config", "Ctrl+Shift+D", "Bad rows, findings, what the model will see."
    ),
    Declared("datasets", "Datasets…", "Config", "Ctrl+Shift+B", "The library: names, versions, and the Hub."),
    Declared("every_knob", "Every knob", "Config", "Ctrl+J", "Show the knobs for experts too.", is_checkable=True),
    Declared("save_config", "Save config as…", "Config", "Ctrl+S", opens_section=True),
    Declared(
        "manage_configs",
        "Saved configs",
        "Config",
        "Ctrl+Shift+S",
        "Show every saved config, with notes and what can be done with it.",
        is_checkable=True,
    ),
    Declared("rename_config", "Rename config…", "Config"),
    Declared("duplicate_config", "Duplicate config", "Config"),
    Declared("delete_config", "Delete config", "Config"),
    Declared("export_config", "Export config…", "Config", help="Write a saved config into a file for others."),
    Declared("import_config", "Import config…", "Config", help="Save the config in a file."),
    Declared("load_chat", "Load model", "Chat", "Ctrl+R", "Load the chosen run to talk to it."),
    Declared("stop_answer", "Stop answering", "Chat", "Esc", is_local=True),
    Declared("new_conversation", "New conversation", "Chat", "Ctrl+Shift+N"),
    Declared("close_chat", "Unload model", "Chat", help="Free the memory that the chat's model takes."),
    Declared("view_setup", "Set up", "View", "Ctrl+1"),
    Declared("view_watch", "Watch", "View", "Ctrl+2"),
    Declared("view_judge", "Judge", "View", "Ctrl+3"),
    Declared("reset_layout", "Reset layout", "View", "Ctrl+0", "Put every dock of this view back.", opens_section=True),
    Declared("theme_system", "Theme of the system", "View", is_checkable=True, opens_section=True),
    Declared("theme_light", "Light theme", "View", is_checkable=True),
    Declared("theme_dark", "Dark theme", "View", is_checkable=True),
    Declared("find", "Find", "View", "Ctrl+F", "Find a knob, a run or a log line.", opens_section=True),
    Declared("settings", "Settings…", "View", "Ctrl+,", "Network, tokens and notifications.", opens_section=True),
    Declared("palette", "All actions…", "Help", "Ctrl+K", "Find any action by its name."),
    Declared("shortcuts", "Keyboard shortcuts", "Help", "F1"),
    Declared("doctor", "Examine this machine", "Help", "Ctrl+D", "Engine, cards, image and disk, each with its fix."),
    Declared("about", "About Tunedeck", "Help"),
)


class Actions(QObject):
    """The actions by name."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._actions: dict[str, QAction] = {}
        themes = QActionGroup(self)
        for declared in DECLARED:
            action = self._actions[declared.name] = QAction(declared.text, self)
            action.setObjectName(declared.name)
            action.setCheckable(declared.is_checkable)
            if declared.name.startswith("theme_"):
                themes.addAction(action)
            if declared.shortcut:
                action.setShortcut(QKeySequence(declared.shortcut))
            self._set_help(action, declared)

    def _set_help(self, action: QAction, declared: Declared) -> None:
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        help = declared.help or declared.text.removesuffix("…")
        action.setToolTip(f"{help} ({key})" if key else help)
        action.setStatusTip(help)

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def all(self) -> Iterator[tuple[Declared, QAction]]:
        """Yield every action with what was declared of it, in menu order."""
        for declared in DECLARED:
            yield declared, self._actions[declared.name]

    def fill_menu(self, menu: QMenu, name: Menu) -> None:
        """Put the actions of one menu into it."""
        for declared, action in self.all():
            if declared.menu == name:
                if declared.opens_section:
                    menu.addSeparator()
                menu.addAction(action)

    def fill_menu_bar(self, bar: QMenuBar) -> dict[Menu, QMenu]:
        """Make every menu and return them by name."""
        menus: dict[Menu, QMenu] = {}
        for name in MENUS:
            menus[name] = bar.addMenu(f"&{name}")
            self.fill_menu(menus[name], name)
        return menus
