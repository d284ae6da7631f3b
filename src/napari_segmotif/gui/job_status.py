"""One line in a dock that says what is running, how far it is, and lets the user stop it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from ..common.progress import Progress
from .activity import remaining_text
from .runner import JobRunner

_STEPS = 1000
_CANCEL = "Stop what is running; what was there before stays as it is"
_STOP = "Finish early and keep the best that was found so far; press once more to drop that, too"


class JobStatus(QWidget):
    """Message, bar, remaining time and Cancel for a runner; hidden while nothing runs.

    Parameters
    ----------
    runner
        The runner to show.
    parent
        Qt parent.
    """

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._message = QElidingLabel()
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        # A long message must not make the dock wider.
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._left = QLabel()
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self._on_cancel)
        line = QHBoxLayout()
        line.addWidget(self._bar, 1)
        line.addWidget(self._cancel)
        texts = QHBoxLayout()
        texts.addWidget(self._message, 1)
        texts.addWidget(self._left)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(texts)
        column.addLayout(line)
        runner.started.connect(self._on_started)
        runner.progress.connect(self._on_progress)
        runner.busy_changed.connect(self.setVisible)
        self.setVisible(runner.busy)

    def _on_started(self, name: str) -> None:
        self._say(name)
        self._left.clear()
        self._bar.setRange(0, 0)
        self._cancel.setEnabled(True)
        keeps = self._runner.can_stop
        self._cancel.setText("Stop" if keeps else "Cancel")
        self._cancel.setToolTip(_STOP if keeps else _CANCEL)

    def _on_progress(self, progress: Progress) -> None:
        doing = progress.message or self._runner.running_name or ""
        self._say(f"stopping with the best so far: {doing}" if self._runner.stopping else doing)
        if progress.total > 0:
            self._bar.setRange(0, _STEPS)
            self._bar.setValue(round(progress.fraction * _STEPS))
            self._left.setText(remaining_text(self._runner.elapsed, progress.fraction))

    def _on_cancel(self) -> None:
        if self._runner.can_stop:
            self._cancel.setText("Drop it")
            self._cancel.setToolTip(_CANCEL)
            self._say("stopping with the best so far …")
        else:
            self._cancel.setEnabled(False)
            self._say("stopping …")
        self._runner.cancel()

    def _say(self, message: str) -> None:
        self._message.setText(message)
        self._message.setToolTip(message)
