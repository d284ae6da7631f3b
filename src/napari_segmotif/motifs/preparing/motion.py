"""Rigid motion of the frames of a video: found against a template, and undone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.fft
import scipy.ndimage
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ..results.findings import FitState
from .video import Video

_SAMPLES = 200  # frames of which the template is made, or every other where there are fewer than 400
_ALIKE = 20  # of these, those that are most alike make its first version
_ROUNDS = 4
_LARGEST_SIDE = 256  # larger frames are averaged over pixels before they are compared
_REACH = 0.25  # motion is looked for up to this share of the frame
_FINE, _COARSE = 1.0, 8.0  # structures between these sigmas (px) are compared, unless cells are larger
_MAX_ERROR = 0.15  # px; where the shifts of single frames are less certain, neighbours are asked, too
_MIN_CLEARNESS = 7.0  # so many times its noise must the match be; the best of noise alone is up to 4
_SMALLEST_SIDE = 8
_LOST_MESSAGE = (
    "the motion could not be followed and was not corrected: the frames show too little structure, or too "
    "much noise"
)
_PASS_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Motion:
    """Where each frame of a video has moved to.

    Attributes
    ----------
    shifts
        (T, 2) float32: how far (dy, dx) in pixels what is in each frame has moved from its usual place.
    template
        (Y, X) float32: mean of the frames that the template was made of, in register.
    messages
        What the user should know.
    """

    shifts: NDArray[np.float32]
    template: NDArray[np.float32]
    messages: tuple[str, ...] = ()
    _level: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_level", float(self.template.mean()))

    @property
    def coverage(self) -> NDArray[np.float32]:
        """Share of the frames in which each place of the template was in view, (Y, X)."""
        inside = [
            (np.arange(size) + self.shifts[:, axis : axis + 1] >= 0)
            & (np.arange(size) + self.shifts[:, axis : axis + 1] <= size - 1)
            for axis, size in enumerate(self.template.shape)
        ]
        rows, columns = (part.astype(np.float32) for part in inside)
        return np.asarray(rows.T @ columns / len(self.shifts), np.float32)

    def undo(self, frames: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Frames (n, Y, X) from number `start` on, in register; what was out of view is the template's."""
        levels = frames.mean(axis=(1, 2), dtype=np.float64)
        gains = levels / self._level if self._level > 0 else np.ones(len(frames))
        moved = undo_motion(frames, self.shifts[start : start + len(frames)])
        for frame, shift, gain in zip(moved, self.shifts[start:], gains, strict=False):
            for strip in uncovered(shift, frame.shape):
                frame[strip] = self.template[strip] * np.float32(gain)
        return moved


def uncovered(shift: NDArray[np.float32], shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """The strips at the borders that were out of view in a frame that has moved by `shift`."""
    strips = []
    for axis, (moved, size) in enumerate(zip(shift.tolist(), shape, strict=True)):
        first, last = max(0, math.ceil(-moved)), min(size - 1, math.floor(size - 1 - moved))
        for part in (slice(0, first), slice(last + 1, size)):
            if part.start < part.stop:
                strips.append((part, slice(None)) if axis == 0 else (slice(None), part))
    return strips


def undo_motion(frames: NDArray[np.float32], shifts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move frames (n, Y, X) back by their shifts (n, 2) (bilinear); what was out of view is the nearest."""
    moved = np.empty_like(frames)
    _sample_bilinear(frames, np.asarray(shifts, np.float32), moved)
    return moved


@njit(nogil=True, cache=True)
def _sample_bilinear(
    frames: NDArray[np.float32], shifts: NDArray[np.float32], moved: NDArray[np.float32]
) -> None:
    n, height, width = frames.shape
    for i in range(n):
        whole_y, whole_x = int(np.floor(shifts[i, 0])), int(np.floor(shifts[i, 1]))
        right = np.float32(shifts[i, 1] - whole_x)
        below = np.float32(shifts[i, 0] - whole_y)
        left, above = np.float32(1) - right, np.float32(1) - below
        for y in range(height):
            upper = frames[i, min(max(y + whole_y, 0), height - 1)]
            lower = frames[i, min(max(y + whole_y + 1, 0), height - 1)]
            for x in range(width):
                a, b = min(max(x + whole_x, 0), width - 1), min(max(x + whole_x + 1, 0), width - 1)
                moved[i, y, x] = above * (left * upper[a] + right * upper[b]) + below * (
                    left * lower[a] + right * lower[b]
                )


class _Matcher:
    """Finds the shift of frames against a template by their cross-correlation.

    White noise in the frames and a template almost without: the highest correlation is the most likely
    shift. Only structures between a fine and a coarse scale are compared, so that uneven light and its
    changes do not count, and only shifts up to a quarter of the frame are looked for, which
    skimage.registration.phase_cross_correlation does not offer: in noise, its peak may be anywhere.
    """

    def __init__(self, height: int, width: int, cell_size: float | None) -> None:
        self._bin = math.ceil(max(height, width) / _LARGEST_SIDE)
        self._shape = height // self._bin, width // self._bin
        coarse = max(_COARSE, (cell_size or 0.0) / self._bin)
        frequencies = np.meshgrid(
            np.fft.fftfreq(self._shape[0]), np.fft.rfftfreq(self._shape[1]), indexing="ij"
        )
        self._last_octave = np.hypot(*frequencies) > 0.4
        squared = (2 * np.pi) ** 2 * (frequencies[0] ** 2 + frequencies[1] ** 2)
        band = np.exp(-squared * _FINE**2 / 2) - np.exp(-squared * coarse**2 / 2)
        self._band = band.astype(np.float32)
        self._window = np.outer(*(_faded(n) for n in self._shape)).astype(np.float32)
        self._reach = [max(1, int(_REACH * n)) for n in self._shape]
        self._template = np.zeros_like(self._band, np.complex64)

    def spectra(self, frames: NDArray[np.float32]) -> NDArray[np.complex64]:
        """What is compared of frames (n, Y, X)."""
        height, width = self._shape
        if self._bin > 1:
            cropped = frames[:, : height * self._bin, : width * self._bin]
            frames = cropped.reshape(-1, height, self._bin, width, self._bin).mean(axis=(2, 4))
        centred = (frames - frames.mean(axis=(1, 2), keepdims=True)) * self._window
        return np.asarray(scipy.fft.rfft2(centred) * self._band)

    def set_template(self, template: NDArray[np.float32]) -> None:
        """Compare with an image (Y, X) from now on."""
        self._template = self.spectra(template[np.newaxis])[0].conj()

    def noise(self, spectra: NDArray[np.complex64]) -> NDArray[np.float64]:
        """Standard deviation (n,) of the correlation at a shift that is wrong, due to the frames' noise."""
        # Where structures are finest there is next to nothing but white noise.
        fine = self._last_octave
        power = (np.abs(spectra[:, fine]) ** 2).mean(axis=1) / (self._band[fine] ** 2).mean()
        passed = np.abs(self._template * self._band) ** 2
        both_halves = 2 * passed.sum() - passed[:, 0].sum()  # a real image's spectrum is stored in part
        return np.asarray(np.sqrt(power * both_halves) / np.prod(self._shape), np.float64)

    def shifts(self, spectra: NDArray[np.complex64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """How far what is in each frame has moved, and how surely.

        Returns
        -------
        shifts : (n, 2) float32
            In pixels, against the template.
        peaks : (n, 2) float32
            Height of the correlation there, and its bend per square pixel.
        """
        correlation = scipy.fft.irfft2(spectra * self._template, s=self._shape)
        up, left = self._reach
        near = np.roll(correlation, (up + 1, left + 1), axis=(1, 2))[:, : 2 * up + 3, : 2 * left + 3]
        inner = near[:, 1:-1, 1:-1].reshape(len(near), -1)
        rows, columns = np.unravel_index(inner.argmax(axis=1), (2 * up + 1, 2 * left + 1))
        found, peaks = np.empty((len(near), 2), np.float32), np.empty((len(near), 2), np.float32)
        for i, (y, x) in enumerate(zip(rows + 1, columns + 1, strict=True)):
            found[i] = (
                y - 1 - up + _vertex(near[i, y - 1 : y + 2, x]),
                x - 1 - left + _vertex(near[i, y, x - 1 : x + 2]),
            )
            here = near[i, y, x]
            bends = (
                2 * here - near[i, y - 1, x] - near[i, y + 1, x],
                2 * here - near[i, y, [x - 1, x + 1]].sum(),
            )
            peaks[i] = here, min(bends) / self._bin**2
        return found * self._bin, peaks


def _faded(size: int) -> NDArray[np.float64]:
    """1 inside, falling to 0 in the outer tenth: what enters and leaves there does not count."""
    edge = np.minimum(np.arange(size) + 0.5, size - 0.5 - np.arange(size)) / max(1.0, 0.1 * size)
    return np.asarray(np.sin(np.pi / 2 * np.minimum(1, edge)) ** 2)


def _vertex(values: NDArray[np.float32]) -> float:
    """Where the parabola through three values has its top, from the middle one."""
    before, here, after = values.tolist()
    bend = 2 * here - before - after
    return max(-0.5, min(0.5, 0.5 * (after - before) / bend)) if bend > 0 else 0.0


def estimate_motion(
    video: Video,
    frame_rate: float,
    cell_size: float | None = None,
    token: CancelToken | None = None,
    share: float = 1.0,
) -> Job[Motion]:
    """Find the rigid motion of every frame.

    Parameters
    ----------
    video
        The video.
    frame_rate
        Frames per second.
    cell_size
        Diameter of a cell in pixels, or None.
    token
        Cancels between blocks.
    share
        Share of the whole work that this is, for the progress.
    """
    token = token or CancelToken()
    if min(video.height, video.width) < _SMALLEST_SIDE:
        nowhere = np.zeros((video.n_frames, 2), np.float32)
        return Motion(nowhere, np.zeros((video.height, video.width), np.float32), (_LOST_MESSAGE,))
    matcher = _Matcher(video.height, video.width, cell_size)
    yield _progress(0.0, "making a template")
    n_samples = min(_SAMPLES, (video.n_frames + 1) // 2)
    sampled = np.unique(np.linspace(0, video.n_frames - 1, n_samples).astype(int))
    template = _make_template(video, sampled, matcher, token)
    matcher.set_template(template)
    shifts = np.empty((video.n_frames, 2), np.float32)
    clearness, error = np.empty(video.n_frames), np.empty(video.n_frames)
    for start, frames in video.blocks(_PASS_BYTES):
        token.raise_if_cancelled()
        stop = start + len(frames)
        spectra = matcher.spectra(frames)
        shifts[start:stop], peaks = matcher.shifts(spectra)
        noise = matcher.noise(spectra)
        clearness[start:stop] = peaks[:, 0] / np.maximum(noise, 1e-30)
        # The correlation's noise is as smooth as its peak: that tells its slope, and how far the top moves.
        error[start:stop] = noise / np.sqrt(np.maximum(peaks[:, 0] * peaks[:, 1], 1e-30))
        yield _progress(share * stop / video.n_frames, f"following the motion to frame {stop:,}")
    # Frames that the template was made of resemble it by their very noise.
    if float(np.median(np.delete(clearness, sampled))) < _MIN_CLEARNESS:
        return Motion(np.zeros_like(shifts), template, (_LOST_MESSAGE,))
    shifts = _calmed(shifts, float(np.median(error)), frame_rate)
    return Motion(shifts, template, _messages(shifts, cell_size))


def _calmed(shifts: NDArray[np.float32], error: float, frame_rate: float) -> NDArray[np.float32]:
    """The median over so many frames, up to 0.3 s, as bring the error down to 0.15 px; jumps stay."""
    half = min(math.ceil(0.8 * (error / _MAX_ERROR) ** 2 - 0.8), int(0.15 * frame_rate))
    if half < 1:
        return shifts
    return np.asarray(scipy.ndimage.median_filter(shifts, size=(2 * half + 1, 1), mode="nearest"))


def _progress(done: float, message: str) -> Progress:
    return Progress(done, 1.0, message, FitState("prepare"))


def _make_template(
    video: Video, numbers: NDArray[np.int_], matcher: _Matcher, token: CancelToken
) -> NDArray[np.float32]:
    """Mean of frames in register: of those that are most alike at first, then of all samples."""
    frames = np.concatenate([video.frames(int(t), int(t) + 1) for t in numbers])
    spectra = matcher.spectra(frames)
    flat = spectra.reshape(len(spectra), -1)
    likeness = (flat @ flat.conj().T).real
    lengths = np.sqrt(np.diag(likeness)) + 1e-12
    likeness = np.sort(likeness / np.outer(lengths, lengths), axis=1)
    order = np.argsort((flat @ flat[likeness[:, -_ALIKE:].sum(axis=1).argmax()].conj()).real / lengths)
    template = frames[order[-_ALIKE:]].mean(axis=0)
    for _ in range(_ROUNDS):
        token.raise_if_cancelled()
        matcher.set_template(template)
        shifts, _ = matcher.shifts(spectra)
        shifts -= np.median(shifts, axis=0)
        template = undo_motion(frames, shifts).mean(axis=0)
    return np.asarray(template, np.float32)


def _messages(shifts: NDArray[np.float32], cell_size: float | None) -> tuple[str, ...]:
    largest = float(np.hypot(*shifts.T).max())
    said = [f"motion of up to {largest:.1f} px was corrected"] if largest >= 0.05 else []
    if cell_size is not None and largest > cell_size:
        said.append(
            f"the motion ({largest:.1f} px) is larger than a cell ({cell_size:g} px): look at the corrected "
            "video before you trust the motifs"
        )
    return tuple(said)
