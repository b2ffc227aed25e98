"""Says whether the chosen rows can feed the chosen method, and which methods they can feed."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from desktop.controllers.scanning import Report
from desktop.core.dataset.fits import methods_for, why_not_for
from desktop.ui.pieces import button, column, label, set_role
from desktop.ui.setup.method_words import method_short, method_title
from trainer_image.contract import Method

MOST_LINKS = 4


def fitting_methods(report: Report) -> list[Method]:
    """Return the methods that these rows can feed, what they are meant for first."""
    if report.shape is None:
        return []
    return list(methods_for(report.shape))


def misfit(report: Report | None, method: Method) -> str:
    """Return why these rows cannot feed a method, or nothing where they can or nobody knows."""
    if report is None or report.shape is None or method in fitting_methods(report):
        return ""
    return why_not_for(report.shape).get(method, "")


class DatasetFit(QWidget):
    """One sentence for the chosen method, and a link for each of the others that would do."""

    method_picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.sentence = label("", wrap=True)
        self.others_title = label("These rows can also teach:", "muted")
        self._offered: list[Method] = []
        self.links = [button("", partial(self._pick, index), "link") for index in range(MOST_LINKS)]
        self.rest = label("", "muted", wrap=True)
        self.setLayout(column(self.sentence, self.others_title, column(*self.links, space=0), self.rest, space=4))
        self._shown: tuple[object, ...] = ()
        self.hide()

    def _pick(self, index: int) -> None:
        self.method_picked.emit(self._offered[index])

    def show_fit(self, report: Report | None, method: Method) -> None:
        """Compare rows with a method; nothing is said of rows that nobody has read yet."""
        shape = report.shape if report else None
        self.setVisible(shape is not None)
        if report is None or shape is None or (shape, method) == self._shown:
            return
        self._shown = (shape, method)
        reason = misfit(report, method)
        title = method_title(method)
        self.sentence.setText(f"▲ Not for “{title}”. {reason}" if reason else f"✓ Fits “{title}”.")
        set_role(self.sentence, "warn" if reason else "good")
        others = [name for name in fitting_methods(report) if name != method]
        self.others_title.setText("These rows can teach:" if reason else "These rows can also teach:")
        self.others_title.setVisible(bool(others))
        self._offered = others[:MOST_LINKS]
        for index, link in enumerate(self.links):
            link.setVisible(index < len(self._offered))
            link.setText(f"→ {method_title(self._offered[index])}" if index < len(self._offered) else "")
        rest = ", ".join(map(method_short, others[MOST_LINKS:]))
        self.rest.setText(f"and {rest}")
        self.rest.setVisible(bool(rest))
