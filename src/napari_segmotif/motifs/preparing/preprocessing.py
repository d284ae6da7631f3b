"""A video made ready for the search: bleaching, motion and the resting brightness of every pixel taken off.

The model is x[t] = bleaching[t] · (baseline + scale · signal[t]), seen through a frame that may have moved.
One pass over the video collects everything the corrections are derived from; another comes before it where
motion is corrected. Videos of up to 400 MB are then held corrected, others are corrected as they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ...errors import InputError
from ..parameters import VideoParameters
from ..results.findings import FitState
from .baseline import resting_brightness
from .bleaching import estimate_bleaching
from .decimation import Decimator
from .motion import Motion, estimate_motion, uncovered, undo_motion
from .noise import NoiseMeter
from .video import BLOCK_BYTES, Video

_HELD_BYTES = 400 * 2**20
_PASS_BYTES = 16 * 2**20  # small blocks stay in the processor's cache between the steps of the pass


@dataclass(frozen=True)
class PreparedVideo:
    """A video with what its corrections need, read corrected.

    Attributes
    ----------
    video
        The video as it was.
    baseline
        (Y, X) float32: brightness of each pixel at rest, in the units of the first frame.
    scale
        (Y, X) float32 that the signal was divided by: the baseline for ΔF/F, else 1.
    bleaching
        (T,) float32: brightness compared with the first frame; 1 throughout where not corrected.
    shifts
        (T, 2) float32: how far (dy, dx) in pixels what is in each frame has moved, or None.
    noise
        (Y, X) float32: standard deviation of the white noise of one corrected frame, never 0.
    decimated
        (Td, Yd, Xd) float32: the corrected video, averaged over `time_bin` frames and `space_bin` pixels.
    time_bin, space_bin
        Frames and pixels (along Y and along X) of one value of `decimated`; the last may have fewer.
    messages
        What the user should know.
    """

    video: Video
    baseline: NDArray[np.float32]
    scale: NDArray[np.float32]
    bleaching: NDArray[np.float32]
    shifts: NDArray[np.float32] | None
    noise: NDArray[np.float32]
    decimated: NDArray[np.float32]
    time_bin: int
    space_bin: int
    messages: tuple[str, ...] = ()
    _held: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of frames and pixels: (T, Y, X)."""
        return self.video.shape

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Corrected frames start..stop, (n, Y, X) float32: do not change them, they may be those held.

        What lay outside a frame that has moved is 0, as if at rest.
        """
        start = max(0, start)
        if self._held is not None:
            return self._held[start:stop]
        return self._corrected(self.video.frames(start, stop), start)

    def blocks(self, max_bytes: int = BLOCK_BYTES) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Go through the corrected video once: number of the first frame, and frames (n, Y, X) float32."""
        if self._held is None:
            for start, frames in self.video.blocks(max_bytes):
                yield start, self._corrected(frames, start)
            return
        n_frames, height, width = self.shape
        step = max(1, max_bytes // (4 * height * width))
        for start in range(0, n_frames, step):
            yield start, self._held[start : start + step]

    def _corrected(self, frames: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        moved = self.shifts
        if moved is not None:
            frames = undo_motion(frames, moved[start : start + len(frames)])
        self._correct(frames, start)
        return frames

    def _correct(self, frames: NDArray[np.float32], start: int) -> None:
        """Take bleaching and baseline off frames that are in register, in place."""
        gains = 1 / self.bleaching[start : start + len(frames)]
        _correct(frames, gains, self.baseline, 1 / self.scale)
        if self.shifts is not None:
            for frame, shift in zip(frames, self.shifts[start : start + len(frames)], strict=True):
                for strip in uncovered(shift, frame.shape):
                    frame[strip] = 0


def prepare_video(
    video: Video, parameters: VideoParameters, frame_rate: float, token: CancelToken | None = None
) -> Job[PreparedVideo]:
    """Find a video's corrections.

    Parameters
    ----------
    video
        The video.
    parameters
        Which corrections are wanted.
    frame_rate
        Frames per second.
    token
        Cancels between blocks of the video.

    Yields
    ------
    Progress
        The share done (of 1.0).

    Returns
    -------
    PreparedVideo

    Raises
    ------
    InputError
        If nothing ever changes in the video, a value is not finite, or ΔF/F is asked for where the
        baseline is not positive.
    """
    token = token or CancelToken()
    motion, first_share = None, 0.0
    if parameters.motion == "rigid":
        first_share = 0.6
        motion = yield from estimate_motion(video, frame_rate, parameters.cell_size, token, first_share)
    collected = _Collected(video, frame_rate, motion)
    for start, frames in video.blocks(_PASS_BYTES):
        token.raise_if_cancelled()
        collected.add(start, frames)
        done = (start + len(frames)) / video.n_frames
        yield _progress(first_share + (0.85 - first_share) * done, f"reading frame {start + len(frames):,}")
    token.raise_if_cancelled()
    yield _progress(0.85, "finding the baseline")
    return collected.derive(parameters, token)


def _progress(done: float, message: str) -> Progress:
    return Progress(done, 1.0, message, FitState("prepare"))


class _Collected:
    """What one pass over a video leaves behind."""

    def __init__(self, video: Video, frame_rate: float, motion: Motion | None) -> None:
        self._video, self._motion = video, motion
        self._noise = NoiseMeter(video.shape)
        self._decimator = Decimator(video.shape, frame_rate)
        self._lowest, self._highest = np.inf, -np.inf
        held = 4 * int(np.prod(video.shape)) <= _HELD_BYTES
        self._held = np.empty(video.shape, np.float32) if held else None

    def add(self, start: int, frames: NDArray[np.float32]) -> None:
        """Take the next block."""
        self._lowest = min(self._lowest, float(frames.min()))
        self._highest = max(self._highest, float(frames.max()))
        if self._motion is not None:
            frames = self._motion.undo(frames, start)
        self._noise.add(start, frames)
        self._decimator.add(start, frames)
        if self._held is not None:
            self._held[start : start + len(frames)] = frames

    def derive(self, parameters: VideoParameters, token: CancelToken) -> PreparedVideo:
        """Bleaching, baseline and noise, and the video corrected by them."""
        decimator, video = self._decimator, self._video
        decimated, samples, sampled = decimator.finish()
        self._check_something_happens(decimated)
        bleaching = np.ones(video.n_frames, np.float32)
        if parameters.bleaching:
            bleaching = estimate_bleaching(decimated, decimator.time_bin, video.n_frames)
        token.raise_if_cancelled()
        binned_gain = np.add.reduceat(bleaching, np.arange(0, video.n_frames, decimator.time_bin))
        binned_gain /= decimator.frames_per_bin
        noise = self._noise.deviations(bleaching)
        if self._motion is not None:
            # What stood in for the places out of view is the template, which has next to no noise.
            noise /= np.maximum(self._motion.coverage, 0.2)
        samples /= binned_gain[sampled, None, None]
        baseline = resting_brightness(samples, noise / np.sqrt(decimator.time_bin))
        token.raise_if_cancelled()
        scale, messages = _scale(baseline, parameters.normalization)
        _correct(decimated, 1 / binned_gain, decimator.pooled(baseline), 1 / decimator.pooled(scale))
        prepared = PreparedVideo(
            video,
            baseline,
            scale,
            bleaching,
            None if self._motion is None else self._motion.shifts,
            self._floored(noise) / scale,
            decimated,
            decimator.time_bin,
            decimator.space_bin,
            (*_bleaching_message(bleaching), *(self._motion.messages if self._motion else ()), *messages),
            _held=self._held,
        )
        if self._held is not None:
            prepared._correct(self._held, 0)
        return prepared

    def _check_something_happens(self, decimated: NDArray[np.float32]) -> None:
        if self._lowest == self._highest:
            raise InputError(
                "every pixel of the video has the same brightness: check that the right layer or file was "
                f"chosen (got {self._lowest:g} throughout)"
            )
        if not np.ptp(decimated, axis=0).any() and not self._noise.found_any:
            raise InputError(
                "nothing changes from frame to frame: check that the right layer or file was chosen, and its "
                f"axes (got {self._video.n_frames} times the same frame)"
            )

    def _floored(self, noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """Noise that is never 0: at least that of rounding, and a small share of the usual."""
        # Rounding to whole numbers has a standard deviation of 1 / √12.
        rounding = 0.29 if np.dtype(self._video.array.dtype).kind in "ui" else 0.0
        floor = max(rounding, 0.05 * float(np.median(noise)), 1e-4 * (self._highest - self._lowest))
        return np.maximum(noise, np.float32(floor))


def _scale(baseline: NDArray[np.float32], normalization: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """What the signal is divided by, and what to say about it."""
    if normalization == "subtract":
        return np.ones_like(baseline), ()
    usual = float(np.median(baseline))
    dark = baseline < 0.02 * usual
    if usual <= 0 or dark.mean() > 0.3:
        raise InputError(
            "ΔF/F divides by the baseline, which must be positive: take 'subtract', or add to the video what "
            f"was taken off it (got a baseline of {baseline.min():.4g} to {baseline.max():.4g})"
        )
    if not dark.any():
        return baseline, ()
    message = (
        f"{int(dark.sum())} pixels are dark at rest: their ΔF/F is taken relative to {0.02 * usual:.3g}, "
        "2 % of the usual baseline"
    )
    return np.maximum(baseline, np.float32(0.02 * usual)), (message,)


def _bleaching_message(bleaching: NDArray[np.float32]) -> tuple[str, ...]:
    loss = 1 - float(bleaching[-1])
    return (f"bleaching of {loss:.0%} was corrected",) if loss >= 0.005 else ()


@njit(nogil=True, cache=True)
def _correct(
    frames: NDArray[np.float32],
    gains: NDArray[np.float32],
    baseline: NDArray[np.float32],
    inverse_scale: NDArray[np.float32],
) -> None:
    """(x · gain − baseline) · inverse_scale, in place."""
    n, height, width = frames.shape
    for i in range(n):
        for y in range(height):
            for x in range(width):
                frames[i, y, x] = (frames[i, y, x] * gains[i] - baseline[y, x]) * inverse_scale[y, x]
