"""Which part of a video a preview looks at. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass

Region = tuple[slice, slice, slice]

_SIDE = 96  # pixels: room for some tens of cells, and seconds of computing
_FEWEST_FRAMES = 600
_MOTIF_LENGTHS = 20  # with rarer occurrences than that, a motif is hardly found


@dataclass(frozen=True)
class Crop:
    """A part of a video.

    Attributes
    ----------
    region
        Slices along T, Y and X.
    shape
        Shape (T, Y, X) of the whole video.
    """

    region: Region
    shape: tuple[int, int, int]

    @property
    def size(self) -> tuple[int, int, int]:
        """Number of frames, rows and columns of the part."""
        t, y, x = (part.stop - part.start for part in self.region)
        return t, y, x

    def in_words(self) -> str:
        """Say what the part is: "96 × 96 px, the first 600 of 1,800 frames"."""
        n, height, width = self.size
        frames = f"all {n:,} frames" if n == self.shape[0] else f"the first {n:,} of {self.shape[0]:,} frames"
        whole = (height, width) == self.shape[1:]
        return f"{'all ' if whole else ''}{height} × {width} px, {frames}"


def preview_crop(
    shape: tuple[int, int, int], motif_length: int, visible: tuple[slice, ...] | None = None
) -> Crop:
    """Choose a part of a video that is computed in seconds and still tells something.

    Parameters
    ----------
    shape
        (T, Y, X) of the video.
    motif_length
        Longest motif, in frames.
    visible
        What is on the screen, one slice per axis of (T, Y, X), or None: its middle is taken, else that of
        the frame.
    """
    n_frames = min(shape[0], max(_FEWEST_FRAMES, _MOTIF_LENGTHS * motif_length))
    seen = (slice(0, shape[1]), slice(0, shape[2])) if visible is None else visible[-2:]
    rows, columns = (_middle(part, size) for part, size in zip(seen, shape[1:], strict=True))
    return Crop((slice(0, n_frames), rows, columns), shape)


def _middle(seen: slice, size: int) -> slice:
    """The middle of what is seen; never so little that no cell fits in."""
    length = min(size, _SIDE)
    start = (seen.start + seen.stop) // 2 - length // 2
    start = max(0, min(start, size - length))
    return slice(start, start + length)
