"""The window: docks, three views of them, the strip with the truth on the machine, and the bar of notices."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QMainWindow,
    QMenuBar,
    QMessageBox,
    QTabBar,
    QTabWidget,
    QWidget,
)

from desktop.controllers.desktop_words import DesktopWords
from desktop.controllers.hardware import GpuSample
from desktop.controllers.notices import Notice
from desktop.controllers.preparing import Preparing
from desktop.core.run import RunState
from desktop.ui.charts.plots_dock import PlotsDock
from desktop.ui.charts.samples_dock import SamplesDock
from desktop.ui.chat.dock import ChatDock
from desktop.ui.datasets.windows import DatasetWindows
from desktop.ui.log.dock import LogDock
from desktop.ui.machine.doctor_dialog import DoctorDialog
from desktop.ui.machine.gpus_dock import GpusDock
from desktop.ui.machine.machine_strip import MachineStrip
from desktop.ui.pieces import boxed, row
from desktop.ui.runs.commands import RunCommands
from desktop.ui.runs.compare_dock import CompareDock
from desktop.ui.runs.dock import RunsDock
from desktop.ui.runs.selection import Selection
from desktop.ui.runs.tries_dock import TriesDock
from desktop.ui.services import Services
from desktop.ui.setup.config_dock import ConfigDock
from desktop.ui.theme import Theme, ThemeChoice
from desktop.ui.window.actions import Actions
from desktop.ui.window.command_palette import CommandPalette
from desktop.ui.window.crash_dialog import CrashReporter
from desktop.ui.window.end_notices import EndNotices
from desktop.ui.window.notice_bar import NoticeBar
from desktop.ui.window.settings_dialog import SettingsDialog
from desktop.ui.window.shortcuts_dialog import ShortcutsDialog
from desktop.ui.window.tray import Tray, keep_open_without_windows
from desktop.ui.window.views import DOCKS, VIEWS, DockName, View, Views
from desktop.ui.window.warning_notices import WarningNotices
from trainer_image.contract import GENERATING

ABOUT = "Tunedeck fine-tunes language models on your own machine. Nothing leaves it unless you say so."


class MainWindow(QMainWindow):
    """Builds every dock once and hands each what it needs."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self.setWindowTitle("Tunedeck")
        self.setObjectName("tunedeck")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setContentsMargins(8, 0, 8, 0)
        self.theme = Theme(services.settings, self, has_sheet=False)
        self.actions_by_name = Actions(self)
        self.selection = Selection(self)
        self.bar = NoticeBar(services.notices, self.theme)
        self.setStatusBar(self.bar)
        self.strip = MachineStrip(services.hardware, self.theme)
        self.tabs = QTabBar()
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._is_switching_by_tab = False
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self._make_docks()
        self.data = DatasetWindows(services, self.config_dock, self.theme, self)
        self._warnings = WarningNotices(services.runs, services.notices, self)
        self._ends = EndNotices(services, self.bar, self.selection, self)
        has_cards, has_runs = lambda: bool(services.hardware.samples), lambda: bool(services.runs.all())
        self.views = Views(self, self.docks, services.settings, has_cards, has_runs)
        self.commands = RunCommands(services, self.actions_by_name, self.selection, self.bar, self)
        self._make_top()
        words = DesktopWords(services.jobs, services.choices)
        self.tray = Tray(services.runs, services.notices, services.choices, self.theme, self, desktop=words)
        self._is_quitting = False
        self._connect()
        self.crashes = CrashReporter(self)
        services.jobs.crashed.connect(self.crashes.show_crash)
        self.theme.put_sheet_on()
        self._restore()

    # What it is made of

    def _make_docks(self) -> None:
        services, actions, selection, theme = self._services, self.actions_by_name, self.selection, self.theme
        self.runs_dock = RunsDock(services, actions, selection, theme)
        self.config_dock = ConfigDock(services, actions, selection, self.bar, self.theme)
        self.plots_dock = PlotsDock(services, actions, selection, theme)
        self.preparing = Preparing(services.runs, services.setup, parent=self)
        self.plots_dock.ribbon.prepared = self.preparing.of
        self.log_dock = LogDock(services, selection, theme)
        self.samples_dock = SamplesDock(services, selection)
        self.tries_dock = TriesDock(services, selection, theme)
        self.compare_dock = CompareDock(services, selection, self.plots_dock.curves.colours, theme)
        self.gpus_dock = GpusDock(services, selection, theme, self.plots_dock.curves)
        self.chat_dock = ChatDock(services, actions, selection, theme)
        contents: dict[DockName, QWidget] = {
            "runs": self.runs_dock,
            "config": self.config_dock,
            "plots": self.plots_dock,
            "log": self.log_dock,
            "samples": self.samples_dock,
            "tries": self.tries_dock,
            "compare": self.compare_dock,
            "gpus": self.gpus_dock,
            "chat": self.chat_dock,
        }
        self.docks: dict[DockName, QDockWidget] = {}
        for name, content in contents.items():
            dock = QDockWidget(DOCKS[name], self)
            dock.setObjectName(name)
            content.setProperty("role", "dock")
            content.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            dock.setWidget(content)
            self.docks[name] = dock

    def _make_top(self) -> None:
        """One line: menus, views, and the strip; a menu widget is no part of the saved layouts."""
        menus = QMenuBar()
        by_name = self.actions_by_name.fill_menu_bar(menus)
        by_name["View"].addSeparator()
        self.dock_actions: list[QAction] = []
        for name, dock in self.docks.items():
            toggle = dock.toggleViewAction()
            toggle.setText(f"Dock: {DOCKS[name]}")
            self.dock_actions.append(toggle)
            by_name["View"].addAction(toggle)
        menus.setSizePolicy(self.tabs.sizePolicy())
        self.tabs.setObjectName("views")
        self.tabs.setAccessibleName("Views")
        self.tabs.setExpanding(False)
        for index, (view, title) in enumerate(VIEWS.items()):
            self.tabs.addTab(title)
            self.tabs.setTabData(index, view)
            self.tabs.setTabToolTip(index, self.actions_by_name[f"view_{view}"].toolTip())
        top = row(menus, 1, self.tabs, 1, self.strip)
        frame = boxed(top)
        frame.setObjectName("top")
        top.setContentsMargins(0, 6, 0, 6)
        self.setMenuWidget(frame)
        # The menus belong to the window, so that their keys work wherever the focus is.
        for _, action in self.actions_by_name.all():
            if action.objectName() not in ("pause", "rename_run", "delete_run", "stop_answer"):
                self.addAction(action)

    def _connect(self) -> None:
        actions, services = self.actions_by_name, self._services
        for view in VIEWS:
            actions[f"view_{view}"].triggered.connect(lambda _=False, view=view: self.views.show(view))
        self.tabs.currentChanged.connect(self._tab_changed)
        self.views.view_changed.connect(self._view_changed)
        self.selection.view_requested.connect(self.views.show)
        choices: tuple[ThemeChoice, ...] = ("system", "light", "dark")
        for choice in choices:
            action = actions[f"theme_{choice}"]
            action.setChecked(self.theme.choice == choice)
            action.triggered.connect(lambda _=False, choice=choice: self.theme.choose(choice))
        for name, act in {
            "reset_layout": self.views.reset,
            "find": self.begin_search,
            "palette": self.open_palette,
            "shortcuts": lambda: ShortcutsDialog(self.actions_by_name, self).open(),
            "doctor": self.open_doctor,
            "settings": self.open_settings,
            "about": lambda: QMessageBox.about(self, "About Tunedeck", ABOUT),
            "quit": self.quit,
            "look_at_data": self.data.data.open_page,
            "datasets": self.data.library.open_at,
            "new_run": lambda: self.views.show("setup"),
            "choose_dataset": lambda: self.views.show("setup"),
            "choose_model": lambda: self.views.show("setup"),
        }.items():
            actions[name].triggered.connect(lambda _=False, act=act: act())
        self.data.setup_requested.connect(lambda: self.views.show("setup"))
        self.compare_dock.compared.connect(lambda: self.views.put_beside("compare", "log"))
        actions["all_runs"].toggled.connect(lambda is_on: self.views.enlarge("runs", is_on))
        self.views.enlarged_ended.connect(lambda: actions["all_runs"].setChecked(False))
        self.selection.run_selected.connect(self._bring_forward_for)
        self.selection.evaluation_selected.connect(lambda _: self.views.bring_forward("samples"))
        self.strip.doctor_requested.connect(self.open_doctor)
        self.config_dock.panel.welcome.doctor_requested.connect(self.open_doctor)
        self.strip.offline_requested.connect(services.choices.set_offline)
        services.choices.offline_changed.connect(self.strip.show_offline)
        self.strip.show_offline(services.choices.is_offline)
        services.hardware.sampled.connect(self._sampled)
        services.runs.run_added.connect(lambda _: self.views.make_room_for_runs())
        self.bar.action_pressed.connect(self._follow_notice)
        self.tray.show_requested.connect(self.come_back)
        self.tray.notice_pressed.connect(self._follow_notice)
        self.tray.quit_requested.connect(self.quit)
        self.bar.name_action = lambda notice: "Judge it" if self._can_be_judged(notice.run_id) else "Show"

    def _restore(self) -> None:
        geometry = self._services.settings.value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            screen = QApplication.primaryScreen().availableGeometry()
            self.resize(min(1440, screen.width()), min(900, screen.height()))
        runs = self._services.runs.all()
        if runs and not self.selection.run_id:
            self.selection.select(runs[0].id)
        self.views.restore()

    # What it does

    def begin_search(self) -> None:
        """Look for something in the dock that has the focus, else in the one that matters in this view."""
        finders = {
            "config": self.config_dock.steps.begin_search,
            "runs": self.runs_dock.begin_search,
            "log": self.log_dock.begin_search,
            "tries": self.tries_dock.begin_search,
        }
        focused: QWidget | None = QApplication.focusWidget()
        for name, dock in self.docks.items():
            if focused is not None and dock.isAncestorOf(focused) and name in finders:
                finders[name]()
                return
        by_view: dict[View, DockName] = {"setup": "config", "watch": "log", "judge": "runs"}
        name = by_view[self.views.current]
        self.docks[name].show()
        self.docks[name].raise_()
        finders[name]()

    def open_palette(self) -> None:
        palette = CommandPalette(self.actions_by_name, self.dock_actions, self)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.move(self.mapToGlobal(self.rect().center()) - palette.rect().center())
        palette.show()
        palette.search.setFocus()

    def open_doctor(self, about: str = "") -> None:
        """Examine this machine; ``about`` is the check to go to."""
        services = self._services
        dialog = DoctorDialog(services.hardware, services.images, services.setup, self.theme, self, about)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def open_settings(self) -> None:
        dialog = SettingsDialog(self._services, self, has_tray=self.tray.is_there)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _view_changed(self, view: View) -> None:
        for index in range(self.tabs.count()):
            if self.tabs.tabData(index) == view:
                self.tabs.setCurrentIndex(index)
        if not self._is_switching_by_tab:
            self._focus_view(view)

    def _focus_view(self, view: View) -> None:
        """Put the focus where this view's work begins, not on whatever comes next in the chain."""
        match view:
            case "setup":
                self.config_dock.first_open_field().setFocus()
            case "watch":
                self.runs_dock.table.setFocus()
            case "judge":
                self.chat_dock.first_open_part().setFocus()

    def _tab_changed(self, index: int) -> None:
        """With the arrow keys one walks along the tabs: then the focus stays on them."""
        self._is_switching_by_tab = self.tabs.hasFocus()
        self.views.show(self.tabs.tabData(index))
        if self._is_switching_by_tab:
            self.tabs.setFocus()
        self._is_switching_by_tab = False

    def _sampled(self, samples: list[GpuSample]) -> None:
        """Once it is known what cards there are, the first layout gives them their room."""
        self._services.hardware.sampled.disconnect(self._sampled)
        if samples:
            self.views.share_room_if_new()

    def _bring_forward_for(self, run_id: str) -> None:
        """Of the docks that share a place, show the one that tells most of this run."""
        run = self._services.runs.get(run_id)
        if run is not None:
            tries = run.config.method in GENERATING
            self.views.bring_forward("tries" if tries else "samples" if run.config.sample_prompts else "log")

    def _can_be_judged(self, run_id: str) -> bool:
        run = self._services.runs.get(run_id)
        return run is not None and run.state is RunState.FINISHED and not run.no_chat_because

    def _follow_notice(self, notice: Notice) -> None:
        """A finished run that can speak is to be judged; of any other one sees how it went."""
        self._services.runs.ends.see(notice.run_id)
        if self._can_be_judged(notice.run_id):
            self.selection.request_chat(notice.run_id)
        else:
            self.selection.select(notice.run_id)
            self.views.show("watch")

    def come_back(self) -> None:
        """Show the window, wherever it was."""
        keep_open_without_windows(False)
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def quit(self) -> None:
        """Close the window for good, also from the tray."""
        self._is_quitting = True
        was_hidden = self.isHidden()
        keep_open_without_windows(False)
        self.close()
        if was_hidden:
            QApplication.quit()

    # What Qt asks

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.views.share_room_if_new()
        self._ends.recall()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.views.save()
        self.config_dock.keep_draft()
        self._services.settings.setValue("window/geometry", self.saveGeometry())
        self._services.settings.sync()
        if self.tray.closes_to_tray and not self._is_quitting:
            keep_open_without_windows(True)
            self.hide()
            self.tray.say_where_it_is()
            event.ignore()
            return
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.data.overlay.offer(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if self.data.overlay.take(event.mimeData()):
            event.acceptProposedAction()
