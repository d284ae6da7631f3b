"""Motifs in the activity of cells that are known already: fluorescence traces, or spikes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ..common.progress import CancelToken, Job, Progress, run_job
from ..errors import InputError, NotFittedError
from .parameters import TraceParameters
from .refining.refinement import motifs_of_spikes
from .results.denoising import motif_traces
from .results.findings import FitState, Occurrence, occurrences_of, reaches_the_end, useful_length
from .results.reporting import describe, what_to_know
from .searching.discovery import Discovery, discover
from .searching.sparse_coding import sparse_activations
from .sources.compression import Compressed, compress_spikes, compress_traces

F32 = NDArray[np.float32]

_MOSTLY_SILENT = 0.6  # share of zeros from which rows are taken for spikes


class SparseConvolutionalCoding:
    """Finds motifs in traces or spikes by sparse convolutional coding (Peter et al., NIPS 2017).

    The same search and the same test of significance as LeMoNADe, for cells that are known: from suite2p,
    CaImAn, electrophysiology or a Labels layer. Activations are sparse, non-negative codes, no posterior.

    Parameters
    ----------
    n_motifs
        M: at most so many motifs.
    motif_length
        F: frames of the longest motif.
    **settings
        Every other field of `motifs.parameters.TraceParameters`.

    Attributes
    ----------
    motifs_
        (M, N, F) float32, in units of the traces; in order of p-value, then strength.
    activations_
        (M, T) float32 in [0, 1].
    p_values_, significant_
        (M,): held-out, adjusted for all that was tested.
    loss_curve_
        (n,) float32: mean squared residual of the spikes, before each step of the coding.
    occurrences_
        When each motif was played, in order of time.
    suggested_motif_length_, suggested_n_motifs_, messages_
        As in LeMoNADe.

    Examples
    --------
    >>> import numpy as np
    >>> spikes = np.random.default_rng(0).random((20, 1000)) < 0.01
    >>> for start in range(50, 950, 90):
    ...     spikes[np.arange(8), start + 3 * np.arange(8)] = True
    >>> model = SparseConvolutionalCoding(n_motifs=2, motif_length=25).fit(spikes)
    >>> model.significant_.sum(), sum(one.motif == 0 for one in model.occurrences_)
    (np.int64(1), 10)
    """

    motifs_: F32
    activations_: F32
    p_values_: NDArray[np.float64]
    significant_: NDArray[np.bool_]
    loss_curve_: F32
    occurrences_: tuple[Occurrence, ...]
    suggested_motif_length_: int
    suggested_n_motifs_: int
    messages_: tuple[str, ...]
    n_frames_: int

    def __init__(self, n_motifs: int = 3, motif_length: int = 31, **settings: Any) -> None:
        try:
            self.parameters = TraceParameters(n_motifs=n_motifs, motif_length=motif_length, **settings)
        except ValidationError as error:
            raise InputError.from_validation(error) from error

    def fit(self, traces: Any, *, token: CancelToken | None = None) -> Self:
        """Find the motifs of traces or spikes.

        Parameters
        ----------
        traces
            (N, T): one row a cell.
        token
            Cancels from another thread.

        Raises
        ------
        InputError
            If the rows cannot be used: not two axes, not finite, too short, constant.
        """
        return run_job(self.fit_iter(traces, token=token))

    def fit_iter(self, traces: Any, *, token: CancelToken | None = None) -> Job[Self]:
        """The same as `fit`, as a job that yields Progress."""
        rows = self._checked(traces)
        yield Progress(0.0, 1.0, "looking for spikes", FitState("compress"))
        compressed, units = _compressed(rows, self.parameters)
        found: Discovery = yield from discover(compressed, self.parameters, token)
        activations, losses = _coded(compressed, found, self.parameters, token)
        shares = np.stack([t.shares for t in found.templates]) if found.templates else _none(compressed, self)
        motifs = motif_traces(compressed, shares, activations, certain=True)
        self.motifs_ = np.ascontiguousarray((motifs * units).transpose(0, 2, 1), np.float32)
        self.activations_, self.loss_curve_ = activations, losses
        self.p_values_ = found.p_values
        self.significant_ = found.p_values < self.parameters.significance_level
        self.occurrences_ = occurrences_of(
            activations, self.parameters.motif_length, self.parameters.frame_rate
        )
        self.suggested_motif_length_ = useful_length(
            shares, compressed.transient.decay, self.parameters.motif_length
        )
        self.suggested_n_motifs_ = found.n_significant
        self.n_frames_ = rows.shape[1]
        self.messages_ = what_to_know(
            self, int(compressed.hits.any(axis=1).sum()), cut_off=reaches_the_end(shares)
        )
        return self

    def summary(self) -> str:
        """What was found, in a few lines."""
        if not hasattr(self, "motifs_"):
            raise NotFittedError(
                "no motifs were looked for yet: call fit first (got a new SparseConvolutionalCoding)"
            )
        return describe(self)

    def _checked(self, traces: Any) -> F32:
        rows = np.asarray(traces)
        if rows.ndim != 2 or not rows.size:
            raise InputError(f"traces must be (cells, frames), with a cell at least (got shape {rows.shape})")
        if rows.dtype.kind not in "buif":
            raise InputError(f"traces must be numbers (got {rows.dtype})")
        rows = rows.astype(np.float32)
        if not np.isfinite(rows).all():
            bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise InputError(f"traces must be finite: leave out such cells (got NaN or inf in row {bad})")
        length = self.parameters.motif_length
        if rows.shape[1] <= length:
            raise InputError(
                "the recording must be longer than a motif, and should hold each motif several times: choose "
                f"a shorter motif (got {rows.shape[1]} frames and a motif length of {length} frames)"
            )
        if not np.ptp(rows, axis=1).any():
            raise InputError("every row is constant: check that the right table was chosen (got no change)")
        return rows


def _compressed(rows: F32, parameters: TraceParameters) -> tuple[Compressed, F32]:
    """Rows ready for the search, and what one of their units is in the rows' own, (N,)."""
    kind = parameters.kind
    if kind == "auto":
        silent = (rows == 0).mean() > _MOSTLY_SILENT
        kind = "spikes" if silent and rows.min() >= 0 else "traces"
    if kind == "spikes":
        return compress_spikes(rows), np.ones(len(rows), np.float32)
    # Second differences of white noise have six times its variance, and hardly see a transient.
    change = np.diff(rows, 2, axis=1) if rows.shape[1] > 2 else rows
    noise = np.median(np.abs(change), axis=1) / 0.6745 / np.sqrt(6)
    noise = np.maximum(noise, 1e-3 * np.maximum(rows.std(axis=1), 1e-12)).astype(np.float32)
    scaled = (rows - np.median(rows, axis=1, keepdims=True)) / noise[:, None]
    return compress_traces(scaled, parameters.frame_rate, np.arange(len(rows))), noise


def _coded(
    compressed: Compressed, found: Discovery, parameters: TraceParameters, token: CancelToken | None
) -> tuple[F32, F32]:
    """Activations (M, T) by FISTA, and the mean squared residual before each of its steps."""
    n_frames = compressed.hits.shape[1]
    if not found.templates:
        return np.zeros((0, n_frames), np.float32), np.zeros(0, np.float32)
    x = compressed.as_spikes()
    motifs = motifs_of_spikes(compressed, found.templates)
    losses: list[float] = []
    activations = sparse_activations(x, motifs, parameters.sparsity, token=token, losses=losses)
    height = np.maximum(activations.max(axis=1, keepdims=True), 1e-6)
    return (activations / height).astype(np.float32), np.asarray(losses, np.float32)


def _none(compressed: Compressed, model: SparseConvolutionalCoding) -> F32:
    return np.zeros((0, len(compressed), model.parameters.motif_length), np.float32)
