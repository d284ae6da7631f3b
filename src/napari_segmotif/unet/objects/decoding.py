"""From the network's maps to objects: how it is done is a value that is chosen, stored and shown."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...common.object_metrics import ObjectScores, Overlaps, find_overlaps
from ...common.progress import CancelToken, Job, Progress
from ...common.tiling import tile_grid
from ...errors import InputError
from ..network.heads import Heads
from .decoding_evidence import Evidence
from .decoding_flood import renumber

Method = Literal["seeds", "votes", "components"]

# What is tried by `choose_decoder`.
_FOREGROUND = (0.3, 0.4, 0.5, 0.6, 0.7)
_SEEDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_SEED_SIZES = (2, 10)
_SMOOTHING = (1.5, 3.0)
_DISTANCES = (0.4, 0.6, 0.8)
_SHARES = (0.05, 0.15)
_DEPTHS = (0.05, 0.1, 0.2)
_SIZES = {2: (1, 4, 8, 16, 32, 64, 128), 3: (1, 4, 16, 64, 128, 256, 512)}
_EQUAL = 0.001  # scores that differ by less are as good
_PIXELS_A_ROUND = 2_000_000
_PIXELS_A_PART = 1 << 21
_LEAST_RUNNING = 8


class Decoder(BaseModel):
    """How objects are made of the network's maps.

    A decoder looks only at pixels that hang together in the foreground, so that objects do not depend on how
    much of the image is looked at around them.

    Parameters
    ----------
    method
        "seeds": parts of the foreground without boundaries are seeds, which grow back over the foreground.
        "votes": every pixel votes for a centre and goes to the centre nearest to its vote. "components":
        connected pixels of the foreground are an object; for networks that learned no objects.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Method = Field(default="seeds", title="Method", description="How objects are told apart.")
    foreground_threshold: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        title="Foreground",
        description="Objects are where it is more likely.",
    )
    minimum_size: int = Field(
        default=4,
        ge=0,
        title="Smallest object",
        description="Smaller ones are left out.",
        json_schema_extra={"unit": "px"},
    )
    seed_threshold: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        title="Seeds",
        description="Seeds are where the probability of foreground without boundary is higher.",
    )
    minimum_seed: int = Field(
        default=2,
        ge=0,
        title="Smallest seed",
        description="Smaller ones make no object of their own.",
        json_schema_extra={"unit": "px"},
    )
    vote_smoothing: float = Field(
        default=1.5,
        gt=0,
        le=50,
        title="Smoothing of votes",
        description="Sigma of the Gaussian by which votes are gathered.",
        json_schema_extra={"unit": "px"},
    )
    vote_distance: float = Field(
        default=0.6,
        ge=0,
        le=2,
        title="Distance of centres",
        description="Centres that are nearer to each other, in radii of their objects, are one.",
    )
    vote_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        title="Votes of a centre",
        description="At least so large a share of an object's pixels must vote for its centre.",
    )
    split_touching: bool = Field(
        default=False, title="Split", description="Whether connected components are split at their necks."
    )
    split_depth: float = Field(
        default=0.1, gt=0, lt=1, title="Depth of a neck", description="How much narrower a neck must be."
    )

    def __call__(
        self, maps: NDArray[Any], heads: Heads, spacing: Sequence[float] | None = None
    ) -> NDArray[np.int32]:
        """Make objects of maps.

        Parameters
        ----------
        maps
            (n_maps, *spatial) float, see `Heads`. NaN counts as background.
        heads
            What the maps are.
        spacing
            Physical size of a pixel along each of the D spatial axes.

        Returns
        -------
        array int32 (*spatial)
            0 = background, objects 1..n without gaps in the order of their first pixel.

        Raises
        ------
        InputError
            For maps of another shape, or if the method needs maps that the network does not give.
        """
        check_maps(maps, heads)
        if self.method != "components" and not heads.objects:
            raise InputError(
                f"this network learned no objects: use the method 'components' (got {self.method!r})"
            )
        if maps[0].size == 0:
            return np.zeros(maps.shape[1:], np.int32)
        steps = None if spacing is None else tuple(float(step) for step in spacing)
        return renumber(Evidence(maps, heads, steps).objects(self), self.minimum_size)


@dataclass(frozen=True)
class DecoderChoice:
    """The decoder that found most objects of images whose objects are known.

    Attributes
    ----------
    decoder
        The best one.
    score
        Mean average precision at the IoU thresholds .5, .6, .7, .8 and .9, over all objects of all images;
        NaN where there were none.
    scores
        How many objects it found, missed, and made up.
    rows
        The best decoder of every method, best first: its settings, "score", and "ap_0.5" to "ap_0.9".
    """

    decoder: Decoder
    score: float
    scores: ObjectScores
    rows: tuple[dict[str, Any], ...]


def choose_decoder(
    examples: Iterable[tuple[NDArray[Any], NDArray[Any]]],
    heads: Heads,
    spacing: Sequence[float] | None = None,
    *,
    cancel: CancelToken | None = None,
) -> Job[DecoderChoice]:
    """Try all methods and many thresholds on images whose objects are known, as a job.

    Every decoder sees the first images; what does badly on them is not tried on later ones. Large images are
    looked at in parts.

    Parameters
    ----------
    examples
        Pairs of maps (n_maps, *spatial) and true objects (*spatial), 0 = background, −1 = not known.
        They are asked for one after the other, once.
    heads
        What the maps are.
    spacing
        Physical size of a pixel along each of the D spatial axes.
    cancel
        Looked at several times a second.

    Returns
    -------
    DecoderChoice
        Of decoders that do equally well the one nearest to the default settings.

    Raises
    ------
    InputError
        For maps and objects of different shapes, or maps of another kind.
    """
    steps = None if spacing is None else tuple(float(step) for step in spacing)
    race = _Race(_candidates(heads), _SIZES[heads.dimensions])
    n_examples = len(examples) if isinstance(examples, Sized) else 0
    for number, (maps, truth) in enumerate(examples, start=1):
        check_maps(maps, heads)
        if maps.shape[1:] != truth.shape:
            raise InputError(
                f"maps and objects must have the same shape (got {maps.shape[1:]} and {truth.shape})"
            )
        for part in _parts(truth.shape):
            evidence = Evidence(maps[(slice(None), *part)], heads, steps)
            for decoder in race.running:
                if cancel is not None:
                    cancel.raise_if_cancelled()
                race.add(decoder, find_overlaps(truth[part], evidence.objects(decoder)))
            race.drop_slow(truth[part].size)
            yield Progress(number, n_examples, "choosing how objects are made")
    return race.result()


class _Race:
    """Counts of every decoder at every smallest size; now and then the worse half of the decoders leaves."""

    def __init__(self, decoders: list[Decoder], sizes: tuple[int, ...]) -> None:
        self.running = decoders
        self._sizes = sizes
        self._scores = {decoder: [ObjectScores.empty() for _ in sizes] for decoder in decoders}
        self._pixels = 0

    def add(self, decoder: Decoder, overlaps: Overlaps) -> None:
        scores = self._scores[decoder]
        for i, size in enumerate(self._sizes):
            scores[i] = scores[i] + overlaps.scores(minimum_size=size)

    def drop_slow(self, n_pixels: int) -> None:
        self._pixels += n_pixels
        if self._pixels < _PIXELS_A_ROUND:
            return
        self._pixels = 0
        best = {decoder: self._best(decoder)[0] for decoder in self.running}
        wanted = max(_LEAST_RUNNING, (len(self.running) + 1) // 2)
        ranked = sorted(self.running, key=lambda decoder: (-best[decoder], _distance_to_default(decoder)))
        # the best of every method stays: all of them are told in the end
        stay = {
            *ranked[:wanted],
            *(next(d for d in ranked if d.method == m) for m in {d.method for d in ranked}),
        }
        self.running = [decoder for decoder in self.running if decoder in stay]

    def _best(self, decoder: Decoder) -> tuple[float, int]:
        """Score of a decoder with the smallest size that suits it best, and that size."""
        values = [_or_zero(scores.mean_average_precision) for scores in self._scores[decoder]]
        near = [i for i, value in enumerate(values) if value >= max(values) - _EQUAL]
        usual = Decoder().minimum_size
        i = min(near, key=lambda i: abs(math.log(self._sizes[i] / usual)))
        return values[i], i

    def result(self) -> DecoderChoice:
        best = {decoder: self._best(decoder) for decoder in self.running}
        chosen = []
        for method in dict.fromkeys(decoder.method for decoder in self.running):
            of_method = [decoder for decoder in self.running if decoder.method == method]
            top = max(best[decoder][0] for decoder in of_method)
            near = [decoder for decoder in of_method if best[decoder][0] >= top - _EQUAL]
            decoder = min(near, key=_distance_to_default)
            i = best[decoder][1]
            whole = decoder.model_copy(update={"minimum_size": self._sizes[i]})
            chosen.append((whole, self._scores[decoder][i]))
        chosen.sort(key=lambda pair: -_or_zero(pair[1].mean_average_precision))
        decoder, scores = chosen[0]
        rows = tuple(_row(*pair) for pair in chosen)
        return DecoderChoice(decoder, scores.mean_average_precision, scores, rows)


def _candidates(heads: Heads) -> list[Decoder]:
    """All decoders that are tried, in an order in which neighbours share most of their work."""
    pieces = [Decoder(method="components", foreground_threshold=f) for f in _FOREGROUND]
    if not heads.objects:
        return pieces + [
            Decoder(method="components", foreground_threshold=f, split_touching=True, split_depth=depth)
            for f, depth in itertools.product(_FOREGROUND, _DEPTHS)
        ]
    seeds = [
        Decoder(foreground_threshold=f, seed_threshold=threshold, minimum_seed=size)
        for f, threshold, size in itertools.product(_FOREGROUND, _SEEDS, _SEED_SIZES)
    ]
    votes = [
        Decoder(
            method="votes",
            foreground_threshold=f,
            vote_smoothing=smoothing,
            vote_distance=distance,
            vote_share=share,
        )
        for f, smoothing, distance, share in itertools.product(_FOREGROUND, _SMOOTHING, _DISTANCES, _SHARES)
    ]
    return [*seeds, *votes, *pieces]


def _distance_to_default(decoder: Decoder) -> float:
    """How far a decoder's settings are from the default ones, each relative to its usual size."""
    usual = Decoder().model_dump(exclude={"method", "minimum_size"})
    ours = decoder.model_dump(exclude={"method", "minimum_size"})
    return sum(abs(float(ours[name]) - float(value)) / (float(value) or 1.0) for name, value in usual.items())


def _row(decoder: Decoder, scores: ObjectScores) -> dict[str, Any]:
    precision = zip(scores.thresholds, scores.average_precision, strict=True)
    return {
        **decoder.model_dump(),
        "score": scores.mean_average_precision,
        **{f"ap_{threshold:g}": value for threshold, value in precision},
    }


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _parts(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """The whole image, or parts of it of a size that takes no long time."""
    if math.prod(shape) <= _PIXELS_A_PART:
        return [tuple(slice(0, n) for n in shape)]
    side = round(_PIXELS_A_PART ** (1 / len(shape)))
    return [tile.inner for tile in tile_grid(shape, [min(n, side) for n in shape])]


def check_maps(maps: NDArray[Any], heads: Heads) -> None:
    """Raise InputError unless these are the maps of these heads."""
    if maps.ndim != 1 + heads.dimensions or len(maps) != heads.n_maps:
        raise InputError(
            f"maps must have {heads.n_maps} maps of {heads.dimensions} axes (got shape {maps.shape})"
        )
