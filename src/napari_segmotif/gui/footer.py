"""The last line of a form: what was said last or, while something long runs, how far it is."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QLabel, QStackedWidget, QVBoxLayout

from .job_status import JobStatus
from .runner import JobRunner

_BUSY_AFTER_MS = 300  # what is done sooner than this shows no bar
_COLORS = {"info": "", "warning": "color: #d08a00;", "error": "color: #e05252;"}


class Footer(QFrame):
    """One place for two things: what was said last, or, while something long runs, how far it is.

    Parameters
    ----------
    runner
        The runner whose jobs are shown.
    """

    def __init__(self, runner: JobRunner) -> None:
        super().__init__()
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._progress = JobStatus(runner)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._said)
        self._stack.addWidget(self._progress)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.addWidget(self._stack)
        # Three lines, always: a footer that changes its height makes the form above it jump.
        self._stack.setFixedHeight(3 * self._said.fontMetrics().lineSpacing() + 10)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.timeout.connect(lambda: self._stack.setCurrentWidget(self._progress))
        runner.busy_changed.connect(self._on_busy)

    @property
    def said(self) -> str:
        """The sentence that was said last."""
        return self._said.text()

    def say(self, text: str, kind: str = "info") -> None:
        """Show a sentence; `kind` is "info", "warning" or "error"."""
        self._said.setText(text)
        self._said.setStyleSheet(_COLORS[kind])
        self._said.setToolTip(text)

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self._wait.start(_BUSY_AFTER_MS)
        else:
            self._wait.stop()
            self._stack.setCurrentWidget(self._said)
