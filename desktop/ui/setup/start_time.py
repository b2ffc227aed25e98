"""Asks for the moment at which a run starts: tonight, tomorrow, or any other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from PySide6.QtCore import QDateTime, Qt
from PySide6.QtGui import QIcon, QTextCharFormat
from PySide6.QtWidgets import QCalendarWidget, QDateTimeEdit, QDialog, QToolButton, QWidget

from desktop.core.queue import moment
from desktop.ui import words
from desktop.ui.pieces import button, column, heading, label, row

NIGHT, MORNING = 22, 6
"""Hours of the clock here, for the quick choices."""
AWAKE = "The window may be closed meanwhile. The computer has to be on and awake."
PASSED = "That moment has passed: choose a later one."


class StartTimeDialog(QDialog):
    """Hands on the chosen moment, or None for a start as soon as it may."""

    def __init__(
        self, title: str, chosen: Callable[[datetime | None], object], parent: QWidget, now_set: datetime | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Start later")
        self._chosen = chosen
        self.edit = QDateTimeEdit()
        self.edit.setDisplayFormat("ddd d MMM yyyy   HH:mm")
        self.edit.setCalendarPopup(True)
        self.edit.setAccessibleName("Day and hour of the start")
        _suit_theme(self.edit.calendarWidget())
        self.quick = [button(text, partial(self.show_moment, when)) for text, when in _quick_choices(datetime.now(UTC))]
        self.sentence = label("", wrap=True)
        self.sentence.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.at_once = button("As soon as it can", lambda: self._hand_on(None))
        self.at_once.setVisible(now_set is not None)
        self.cancel = button("Cancel", self.reject)
        self.keep = button("", lambda: self._hand_on(self.moment()), "primary")
        self.keep.setDefault(True)
        content = column(
            heading(title),
            row(*self.quick, 1),
            self.edit,
            self.sentence,
            label(AWAKE, "muted", wrap=True),
            row(self.at_once, 1, self.cancel, self.keep),
            space=12,
        )
        content.setContentsMargins(16, 16, 16, 16)
        self.setLayout(content)
        self.setMinimumWidth(440)
        self.edit.dateTimeChanged.connect(lambda _: self._show())
        self.show_moment(now_set or _quick_choices(datetime.now(UTC))[1][1])
        self._show()
        self.edit.setFocus()

    def moment(self) -> datetime:
        """Return what is chosen, in UTC."""
        return datetime.fromtimestamp(self.edit.dateTime().toSecsSinceEpoch(), UTC)

    def show_moment(self, when: datetime) -> None:
        """Put a moment into the field, in local time."""
        self.edit.setDateTime(QDateTime.fromSecsSinceEpoch(int(when.timestamp())))

    def _show(self) -> None:
        when, now = self.moment(), datetime.now(UTC)
        is_to_come = when > now
        start = f"Start {moment(when, now)}"
        away = words.duration(max(60.0, (when - now).total_seconds()))
        sentence = f"It starts in {away}, or after that when its turn comes."
        self.sentence.setText(sentence if is_to_come else PASSED)
        self.keep.setText(start if is_to_come else "Start later")
        self.keep.setEnabled(is_to_come)

    def _hand_on(self, when: datetime | None) -> None:
        self.accept()
        self._chosen(when)


def _suit_theme(calendar: QCalendarWidget) -> None:
    """Qt's calendar has black arrows and red week ends in every theme; here red is for what is wrong."""
    calendar.setMinimumSize(320, 224)
    calendar.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
    for day in (Qt.DayOfWeek.Saturday, Qt.DayOfWeek.Sunday):
        calendar.setWeekdayTextFormat(day, QTextCharFormat())
    for name, sign, said in (("prev", "‹", "Month before"), ("next", "›", "Month after")):
        arrow = calendar.findChild(QToolButton, f"qt_calendar_{name}month")
        if isinstance(arrow, QToolButton):
            arrow.setIcon(QIcon())
            arrow.setText(sign)
            arrow.setAccessibleName(said)


def _quick_choices(now: datetime) -> list[tuple[str, datetime]]:
    """Return moments that people mean most, with their words; each of them is to come."""
    here = now.astimezone()
    night = here.replace(hour=NIGHT, minute=0, second=0, microsecond=0, fold=0)
    tomorrow = here + timedelta(days=1)
    is_late = night <= here
    if is_late:
        night = tomorrow.replace(hour=NIGHT, minute=0, second=0, microsecond=0, fold=0)
    morning = tomorrow.replace(hour=MORNING, minute=0, second=0, microsecond=0, fold=0)
    in_an_hour = (here + timedelta(hours=1)).replace(second=0, microsecond=0)
    return [
        ("In an hour", _as_local(in_an_hour)),
        (f"{'Tomorrow' if is_late else 'Today'} at {night:%H:%M}", _as_local(night)),
        (f"Tomorrow at {morning:%H:%M}", _as_local(morning)),
    ]


def _as_local(moment: datetime) -> datetime:
    """The offset from UTC may be another one by then: the clock on the wall counts."""
    return moment.replace(tzinfo=None).astimezone()
