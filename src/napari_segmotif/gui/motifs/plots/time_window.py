"""The stretch of time that is in view, as frames: zoom, pan, round ticks. No Qt widgets in here."""

from __future__ import annotations

import math

from qtpy.QtCore import QObject, Signal

_FEWEST = 8.0  # frames in view when zoomed in as far as possible


class TimeWindow(QObject):
    """Frames `low` to `high` of a video with `n_frames`; frame t covers [t − ½, t + ½].

    Signals
    -------
    changed
        Another stretch is in view.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.n_frames, self.frame_rate = 0, 1.0
        self.low, self.high = -0.5, 0.5

    @property
    def span(self) -> float:
        """How many frames are in view."""
        return self.high - self.low

    @property
    def is_whole(self) -> bool:
        """Whether everything is in view."""
        return self.span >= self.n_frames

    def set_video(self, n_frames: int, frame_rate: float) -> None:
        """Show all of another video."""
        self.n_frames, self.frame_rate = max(int(n_frames), 0), float(frame_rate)
        self.reset()

    def reset(self) -> None:
        """Show everything."""
        self._set(-0.5, max(self.n_frames, 1) - 0.5)

    def zoom(self, frame: float, factor: float) -> None:
        """Show `factor` times as many frames; `frame` stays where it is."""
        whole = float(max(self.n_frames, 1))
        span = min(max(self.span * factor, min(_FEWEST, whole)), whole)
        share = (frame - self.low) / self.span
        self._set(frame - share * span, frame + (1 - share) * span)

    def move(self, low: float) -> None:
        """Let the view begin at frame `low`."""
        self._set(low, low + self.span)

    def _set(self, low: float, high: float) -> None:
        span = high - low
        low = min(max(low, -0.5), max(self.n_frames - 0.5 - span, -0.5))
        self.low, self.high = low, low + span
        self.changed.emit()

    def seconds(self, frame: float) -> float:
        """The time of a frame."""
        return frame / self.frame_rate


def round_ticks(low: float, high: float, about: int, *, whole: bool = False) -> list[float]:
    """At most some `about` + 1 round numbers from low to high; whole numbers if `whole`."""
    raw = max((high - low) / max(about, 1), 1e-12)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 10) + 0.0 for k in range(first, last + 1)]


def time_text(seconds: float, step: float = 0.0) -> str:
    """A time in few characters: 4.2 s, 75 s, 2:05 min where it is long; fine enough for steps of `step`."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 2
    if abs(seconds) < 600:
        return f"{seconds:.{digits}f} s"
    minutes, rest = divmod(round(abs(seconds), digits), 60)
    sign = "−" if seconds < 0 else ""
    return f"{sign}{minutes:.0f}:{rest:0{2 if digits == 0 else digits + 3}.{digits}f} min"
