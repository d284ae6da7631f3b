"""Stands in for LeMoNADe where only what is done with its results is tested: quick, and known by heart."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_segmotif.common.progress import CancelToken, Job, Progress
from napari_segmotif.motifs.parameters import MotifParameters
from napari_segmotif.motifs.preparing.video import Video, check_length
from napari_segmotif.motifs.results.findings import Occurrence
from napari_segmotif.motifs.simulating.simulation import SimulatedVideo


class FakeLeMoNADe:
    """Has the attributes of a fitted LeMoNADe; what it finds follows simply from video and settings."""

    def __init__(self, n_motifs: int = 3, motif_length: int = 31, **settings: Any) -> None:
        self.parameters = MotifParameters(n_motifs=n_motifs, motif_length=motif_length, **settings)

    def fit_iter(
        self, video: Any, axes: str | None = None, *, token: CancelToken | None = None, stop: Any = None
    ) -> Job[FakeLeMoNADe]:
        opened = Video.open(video, axes)
        check_length(opened, self.parameters.motif_length)
        yield Progress(0.5, 1.0, "searching for motifs")
        if token is not None:
            token.raise_if_cancelled()
        frames = opened.frames(0, opened.n_frames)
        rng = np.random.default_rng(self.parameters.random_state)
        n_motifs, length = self.parameters.n_motifs, self.parameters.motif_length
        strengths = rng.random((n_motifs, length, 1, 1), np.float32)
        activations = np.zeros((n_motifs, opened.n_frames), np.float32)
        for m in range(n_motifs):
            activations[m, m :: length + m] = 0.9
        self.become(strengths * frames.std(axis=0), activations, frames.mean(axis=0))
        yield Progress(1.0, 1.0, "done")
        return self

    def become(self, motifs: Any, activations: Any, baseline: Any) -> None:
        n_motifs, n_frames = activations.shape
        self.motifs_ = np.asarray(motifs, np.float32)
        self.activations_ = np.asarray(activations, np.float32)
        self.p_values_ = np.array([0.001, 0.01, 0.4, 1.0, *[0.5] * n_motifs])[:n_motifs]
        self.significant_ = self.p_values_ < self.parameters.significance_level
        self.baseline_ = np.asarray(baseline, np.float32)
        self.bleaching_ = np.linspace(1, 0.8, n_frames, dtype=np.float32)
        self.shifts_ = None
        self.loss_curve_ = np.array([3.0, 2.5, 2.1], np.float32)
        self.occurrences_ = tuple(
            Occurrence(int(m), int(t), t / self.parameters.frame_rate, float(self.activations_[m, t]))
            for m, t in np.argwhere(self.activations_ > 0.5)
        )
        self.suggested_motif_length_ = self.motifs_.shape[1] - 1
        self.suggested_n_motifs_ = int(self.significant_.sum())
        self.messages_ = ("1 motif is not significant: it may be noise",)
        self.stopped_early_ = False
        self.n_frames_ = n_frames
        self.frame_shape_ = self.motifs_.shape[2:]

    def summary(self) -> str:
        return f"{int(self.significant_.sum())} of {len(self.motifs_)} motifs are significant"


def fitted(sample: SimulatedVideo, **settings: Any) -> FakeLeMoNADe:
    """Return a model that has found the ground truth."""
    n_motifs, length = sample.motifs.shape[:2]
    model = FakeLeMoNADe(
        **{"n_motifs": max(n_motifs, 1), "motif_length": length, "frame_rate": sample.frame_rate} | settings
    )
    model.become(sample.motifs, sample.activations, sample.baseline)
    return model
