"""LeMoNADe: neuronal assemblies, as spatio-temporal motifs, directly from a calcium-imaging video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ..common.progress import CancelToken, Job, Progress, run_job
from ..errors import InputError, JobCancelled, NotFittedError
from . import model_file
from .parameters import MotifParameters
from .preparing.motion import undo_motion
from .preparing.preprocessing import PreparedVideo, prepare_video
from .preparing.video import Video, check_length
from .refining.plain import fit_plain
from .refining.refinement import Refined, as_activations, refine
from .results.denoising import motif_traces
from .results.findings import FitState, Occurrence, occurrences_of, reaches_the_end, useful_length
from .results.rendering import motif_images, play_images
from .results.reporting import describe, what_to_know
from .searching.discovery import Discovery, discover
from .sources.compression import Compressed, compress_video

F32 = NDArray[np.float32]

_PHASES = {"prepare": 0.25, "compress": 0.45, "search": 0.75, "refine": 0.95}
"""Where each phase ends, as a share of the whole."""


class LeMoNADe:
    """Finds motifs in a video: which cells fire in which order, and when (Kirschbaum et al., ICLR 2019).

    A variational autoencoder whose latent variable is the activation of M motifs in time, and whose decoder,
    a convolution in time, has the motifs as weights. It is started from a search for repeating spike patterns
    with hundreds of restarts, and each motif is tested on frames that it was not learned from.

    x[t] ≈ bleaching_[t] · (baseline_ + Σ_m Σ_f activations_[m, t − f] · motifs_[m, f])

    Parameters
    ----------
    n_motifs
        M: at most so many motifs. Fewer are returned where fewer repeat.
    motif_length
        F: frames of the longest motif.
    **settings
        Every other field of `motifs.parameters.MotifParameters`.

    Attributes
    ----------
    motifs_
        (M, F, Y, X) float32, image units; in order of p-value, then strength.
    activations_
        (M, T) float32 in [0, 1]: posterior probability that a motif begins in a frame.
    p_values_
        (M,): held-out, adjusted for all that was tested. NaN where the fit was stopped before.
    significant_
        (M,) bool.
    baseline_
        (Y, X) float32, brightness at rest.
    bleaching_
        (T,) float32, 1 where nothing was corrected.
    shifts_
        (T, 2) float32, motion in pixels, or None.
    loss_curve_
        (n,) float32, negative evidence lower bound per frame.
    occurrences_
        When each motif was played, in order of time.
    suggested_motif_length_, suggested_n_motifs_
        Frames that the motifs fill; how many motifs were significant, more than asked for included.
    messages_
        What the user should know.
    stopped_early_
        Whether `stop` ended the fit.

    Raises
    ------
    InputError
        If a setting is out of its bounds.

    Examples
    --------
    >>> from napari_segmotif import LeMoNADe, motif_similarity, simulate_video
    >>> sample = simulate_video(shape=(64, 64), n_frames=900, random_state=3)
    >>> model = LeMoNADe(n_motifs=3, motif_length=31).fit(sample.video)  # doctest: +SKIP
    >>> motif_similarity(model.motifs_, sample.motifs).recall  # doctest: +SKIP
    1.0
    """

    motifs_: F32
    activations_: F32
    p_values_: NDArray[np.float64]
    significant_: NDArray[np.bool_]
    baseline_: F32
    bleaching_: F32
    shifts_: F32 | None
    loss_curve_: F32
    occurrences_: tuple[Occurrence, ...]
    suggested_motif_length_: int
    suggested_n_motifs_: int
    messages_: tuple[str, ...]
    stopped_early_: bool
    n_frames_: int
    frame_shape_: tuple[int, int]

    def __init__(self, n_motifs: int = 3, motif_length: int = 31, **settings: Any) -> None:
        try:
            self.parameters = MotifParameters(n_motifs=n_motifs, motif_length=motif_length, **settings)
        except ValidationError as error:
            raise InputError.from_validation(error) from error

    def fit(self, video: Any, axes: str | None = None, *, token: CancelToken | None = None) -> Self:
        """Find the motifs of a video.

        Parameters
        ----------
        video
            (T, Y, X): NumPy, dask, zarr or HDF5, or an ImageSource. It may be larger than memory.
        axes
            Letters of "TCZYX"; None is "TYX".
        token
            Cancels from another thread.

        Raises
        ------
        InputError
            If the video cannot be used: too short, constant, not finite, with colours, or a volume.
        JobCancelled
            By `token`; an earlier fit is untouched.
        """
        return run_job(self.fit_iter(video, axes, token=token))

    def fit_iter(
        self,
        video: Any,
        axes: str | None = None,
        *,
        token: CancelToken | None = None,
        stop: CancelToken | None = None,
    ) -> Job[Self]:
        """The same as `fit`, as a job that yields Progress (of 1.0) with a FitState.

        Parameters
        ----------
        video, axes, token
            As for `fit`.
        stop
            Ends the fit with the best so far; JobCancelled where there is nothing yet.
        """
        source = Video.open(video, axes)
        check_length(source, self.parameters.motif_length)
        stop = stop or CancelToken()
        parameters = self.parameters
        prepared = yield from _share(
            prepare_video(source, parameters, parameters.frame_rate, token), 0.0, _PHASES["prepare"]
        )
        _nothing_yet(stop)
        footprints, compressed = yield from _share(
            compress_video(prepared, parameters, parameters.frame_rate, token),
            _PHASES["prepare"],
            _PHASES["compress"],
        )
        _nothing_yet(stop)
        found = yield from self._found(compressed, token, stop)
        yield Progress(_PHASES["refine"], 1.0, "drawing the motifs", FitState("motifs", found.refined.losses))
        images = motif_images(found.traces, footprints, prepared)
        self._keep(source, prepared, compressed, found, images, stop.cancelled)
        return self

    def _found(self, compressed: Compressed, token: CancelToken | None, stop: CancelToken) -> Job[_Found]:
        parameters = self.parameters
        before, until, end = _PHASES["compress"], _PHASES["search"], _PHASES["refine"]
        if parameters.init == "random":
            plain: _Found = yield from _share(_plain(compressed, parameters, token, stop), before, end)
            return plain
        discovery = yield from _share(discover(compressed, parameters, token, stop), before, until)
        n_frames = compressed.hits.shape[1]
        if not discovery.templates or stop.cancelled or parameters.n_steps == 0:
            refined = as_activations(discovery.templates, n_frames, len(compressed), parameters.motif_length)
        else:
            refined = yield from _share(
                refine(compressed, discovery.templates, parameters, token, stop), until, end
            )
        return _Found(discovery, refined, motif_traces(compressed, refined.shares, refined.activations))

    def _keep(
        self,
        source: Video,
        prepared: PreparedVideo,
        compressed: Compressed,
        found: _Found,
        images: F32,
        stopped: bool,
    ) -> None:
        parameters, refined = self.parameters, found.refined
        self.motifs_ = images
        self.activations_ = refined.activations
        self.p_values_ = found.discovery.p_values
        self.significant_ = np.nan_to_num(self.p_values_, nan=1.0) < parameters.significance_level
        self.baseline_, self.bleaching_ = prepared.baseline, prepared.bleaching
        self.shifts_ = prepared.shifts
        self.loss_curve_ = refined.losses
        self.occurrences_ = occurrences_of(
            refined.activations, parameters.motif_length, parameters.frame_rate
        )
        self.suggested_motif_length_ = useful_length(
            refined.shares, compressed.transient.decay, parameters.motif_length
        )
        self.suggested_n_motifs_ = found.discovery.n_significant
        self.stopped_early_ = stopped
        self.n_frames_, self.frame_shape_ = source.n_frames, (source.height, source.width)
        self.messages_ = (
            *prepared.messages,
            *what_to_know(self, len(compressed), cut_off=reaches_the_end(refined.shares)),
        )

    def reconstruct(self, start: int = 0, stop: int | None = None) -> F32:
        """What the model takes frames start..stop of the video to be, (n, Y, X) float32 in image units."""
        self._check_fitted()
        start, stop, _ = slice(start, stop).indices(self.n_frames_)
        frames = play_images(self.motifs_, self.activations_, start, max(start, stop)) + self.baseline_
        if self.shifts_ is not None and len(frames):
            frames = undo_motion(frames, -self.shifts_[start:stop])
        result: F32 = frames * self.bleaching_[start : start + len(frames), None, None]
        return result

    def summary(self) -> str:
        """What was found, in a few lines."""
        self._check_fitted()
        return describe(self)

    def save(self, path: str | Path) -> Path:
        """Write the fitted model as a `.segmotif` file; the video does not go along.

        Raises
        ------
        StorageError
            If it cannot be written; an older file stays whole.
        """
        self._check_fitted()
        return model_file.to_file(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that was saved.

        Raises
        ------
        ModelFileError
            If the file is missing, truncated, altered, or of another tool.
        """
        state = model_file.state_from_file(path)
        model = cls.__new__(cls)
        model.__dict__.update(state)
        return model

    def _check_fitted(self) -> None:
        if not hasattr(self, "motifs_"):
            raise NotFittedError("no motifs were looked for yet: call fit first (got a new LeMoNADe)")


@dataclass(frozen=True)
class _Found:
    """What the search ends with, before it is drawn as images."""

    discovery: Discovery
    refined: Refined
    traces: F32


def _plain(
    compressed: Compressed, parameters: MotifParameters, token: CancelToken | None, stop: CancelToken
) -> Job[_Found]:
    discovery, refined, traces = yield from fit_plain(compressed, parameters, token, stop)
    return _Found(discovery, refined, traces)


def _share(job: Job[Any], begin: float, end: float) -> Job[Any]:
    """A job whose progress fills a part of the whole."""
    try:
        while True:
            progress = next(job)
            done = begin + (end - begin) * progress.fraction
            yield Progress(done, 1.0, progress.message, progress.partial)
    except StopIteration as finished:
        return finished.value
    finally:
        job.close()


def _nothing_yet(stop: CancelToken) -> None:
    if stop.cancelled:
        raise JobCancelled("cancelled before any motif was found: nothing was changed")
