"""What the widget's tests share: a small video with two motifs, and an estimator that knows them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
from napari import Viewer
from qtpy.QtWidgets import QApplication

from napari_segmotif.common.axes import ImageSource
from napari_segmotif.common.progress import CancelToken, Job, Progress
from napari_segmotif.errors import InputError, JobCancelled
from napari_segmotif.gui.motifs.widget import MotifDetectorWidget
from napari_segmotif.motifs.parameters import MotifParameters
from napari_segmotif.motifs.results.findings import FitState, Occurrence

F, T, Y, X = 8, 120, 24, 32
STARTS = {0: (10, 50, 112), 1: (30, 90)}
PHASES = ("prepare", "compress", "search", "significance", "refine", "motifs")


def motifs(n: int = 2) -> np.ndarray:
    """Each motif is a row of three cells that fire one after the other."""
    found = np.zeros((n, F, Y, X), np.float32)
    for motif in range(n):
        for cell in range(3):
            row, column = 4 + 8 * motif, 4 + 10 * cell
            found[motif, 1 + 2 * cell, row : row + 3, column : column + 3] = 1.0
    return found


def cells() -> np.ndarray:
    """Six cells in two motifs, and one in none."""
    labels = np.zeros((Y, X), np.int32)
    for motif in range(2):
        for cell in range(3):
            row, column = 4 + 8 * motif, 4 + 10 * cell
            labels[row : row + 3, column : column + 3] = 10 * (motif + 1) + cell
    labels[20:23, 20:23] = 99
    return labels


def video() -> np.ndarray:
    """The two motifs where they are played, on a dim background: (T, Y, X) float32."""
    frames = np.full((T, Y, X), 0.5, np.float32)
    for motif, starts in STARTS.items():
        for start in starts:
            end = min(start + F, T)
            frames[start:end] += motifs()[motif, : end - start]
    return frames + np.random.default_rng(0).normal(0, 0.05, frames.shape).astype(np.float32)


class Double:
    """An estimator that knows the answer, and that a test can hold in every phase.

    `hold` names the phase in which it waits until `go` is set; `entered` says that it got there.
    """

    hold: str = ""
    p_values: tuple[float, ...] = (0.001, 0.004, 0.4)
    has_kept: bool = True  # whether there is something to keep when it is stopped
    go: threading.Event
    entered: threading.Event

    def __init__(self, **settings: Any) -> None:
        self.parameters = MotifParameters(**settings)
        self.stopped_early_ = False

    def fit_iter(self, source: ImageSource, *, token: CancelToken, stop: CancelToken) -> Job[Double]:
        data = np.asarray(source.array)
        if np.ptp(data) == 0:
            raise InputError("the video is constant: there is nothing to find (got one value)")
        for index, phase in enumerate(PHASES):
            losses = np.linspace(2, 1, 50 * index, dtype=np.float32)
            yield Progress(index, len(PHASES), f"doing {phase}", partial=FitState(phase, losses, 2))
            if phase == self.hold:
                self.entered.set()
                while not self.go.wait(0.005) and not stop.cancelled:
                    token.raise_if_cancelled()
            token.raise_if_cancelled()
            if stop.cancelled:
                if not self.has_kept:
                    raise JobCancelled("cancelled: there is nothing to keep yet")
                self.stopped_early_ = True
                break
        self._learn(data)
        return self

    def _learn(self, data: np.ndarray) -> None:
        p = np.array(self.p_values, np.float32)
        whole = motifs(3) if data.shape[1:] == (Y, X) else np.zeros((3, F, *data.shape[1:]), np.float32)
        whole[2] = whole[0] * 0.3
        self.motifs_ = whole[: len(p)]
        self.p_values_, self.significant_ = p, p < 0.05
        self.n_frames_, self.frame_shape_ = len(data), data.shape[1:]
        self.activations_ = np.zeros((len(p), len(data)), np.float32)
        occurrences = []
        for motif, starts in STARTS.items():
            for start in starts:
                if start < len(data) and motif < len(p) and self.significant_[motif]:
                    self.activations_[motif, start] = 0.9
                    occurrences.append(Occurrence(motif, start, start / self.parameters.frame_rate, 0.9))
        self.occurrences_ = tuple(sorted(occurrences, key=lambda one: one.frame))
        self.baseline_ = np.median(data, axis=0).astype(np.float32)
        self.bleaching_, self.shifts_ = np.ones(len(data), np.float32), None
        self.loss_curve_ = np.linspace(2, 1, 200, dtype=np.float32)
        self.suggested_motif_length_ = F
        fine = np.isnan(p).any() or self.significant_.any()
        self.messages_ = () if fine else ("no motif is significant: record longer",)

    def reconstruct(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        stop = self.n_frames_ if stop is None else stop
        assert stop - start <= 64, "the whole of it was computed at once"
        frames = np.repeat(self.baseline_[np.newaxis], stop - start, axis=0)
        for motif, activation in enumerate(self.activations_):
            for offset in range(F):
                for t in range(start, stop):
                    if t - offset >= 0:
                        frames[t - start] += activation[t - offset] * self.motifs_[motif, offset]
        return frames

    def save(self, path: Path) -> Path:
        Path(path).write_text(self.parameters.model_dump_json())
        return Path(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        loaded = cls(**MotifParameters.model_validate_json(Path(path).read_text()).model_dump())
        loaded._learn(video())
        return loaded


def docked(viewer: Viewer) -> MotifDetectorWidget:
    widget = MotifDetectorWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Motif detector")
    widget.form.settings.set_parameters(MotifParameters(motif_length=F))
    return widget


def finished(widget: MotifDetectorWidget) -> None:
    """Wait until nothing runs, and until what follows has been done."""
    assert widget.wait(60)
    for _ in range(3):
        QApplication.processEvents()


def layer(viewer: Viewer, beginning: str) -> Any:
    return next(one for one in viewer.layers if one.name.startswith(beginning))


def names(viewer: Viewer) -> list[str]:
    return [one.name for one in viewer.layers]
