"""Segmenting an image of any size with a trained U-Net, part by part: classes, objects, doubt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.axes import ImageSource
from ...common.device import resolve_device
from ...common.progress import CancelToken, Job, Progress
from ...common.tiling import tile_grid
from ..network.heads import Heads
from ..objects.decoding import Decoder
from ..objects.stitching import instances_by_blocks
from .inputs import pixel_size_messages
from .prediction_outputs import (
    OUTPUTS,
    UNCERTAINTIES,
    Output,
    Place,
    Region,
    Target,
    Uncertainty,
    checked_outputs,
    dense_output,
    label_type,
    make_targets,
    places_of,
    whole_region,
)

if TYPE_CHECKING:
    from ..trained import TrainedUNet
    from .torch_inference import TilePredictor

_log = logging.getLogger("napari_segmotif")
_BLOCK_2D = (1024, 1024)
_BLOCK_3D = (32, 128, 128)
_AHEAD = 0.9
"""Share of the progress that is made when all tiles are computed."""

F32 = NDArray[np.float32]

__all__ = [
    "OUTPUTS",
    "UNCERTAINTIES",
    "Output",
    "UNetPrediction",
    "Uncertainty",
    "label_type",
    "predict_iter",
]


@dataclass(frozen=True)
class UNetPrediction:
    """What a network says about a region of an image. What was not asked for is None.

    Attributes
    ----------
    labels
        (*region): class of each pixel, as painted. Unsigned where it fits.
    probabilities
        (K, *region) float32 in [0, 1], in the order of the classes.
    uncertainty
        (*region) float32 in [0, 1]; see `predict_iter`.
    instances
        (*region) int32: objects, numbered from 1 over all frames and planes; 0 = background.
    region
        Where this is: one slice per axis of the label image.
    n_objects
        How many objects there are; 0 where they were not asked for.
    messages
        What you should know: pixels of another size than in training, steps down for lack of memory.
    """

    labels: Any
    probabilities: Any
    uncertainty: Any
    instances: Any
    region: Region
    n_objects: int
    messages: tuple[str, ...] = ()


def predict_iter(
    model: TrainedUNet,
    source: ImageSource,
    *,
    outputs: Sequence[Output] = ("labels",),
    region: Sequence[slice] | None = None,
    out: Mapping[str, Any] | None = None,
    augment: bool = False,
    uncertainty: Uncertainty = "flips",
    n_samples: int = 8,
    decoder: Decoder | None = None,
    cancel: CancelToken | None = None,
    device: str = "auto",
) -> Job[UNetPrediction]:
    """Predict a region of an image, as a job.

    The memory needed does not grow with the image where `out` is given and the image is read lazily.

    Parameters
    ----------
    model
        What was trained.
    source
        The image, any axes; with 2-D networks each plane is looked at by itself.
    outputs
        What is wanted, out of "labels", "probabilities", "uncertainty" and "instances". What is said of a
        pixel does not depend on what else is asked for, and but for instances not on the region; objects that
        the region's border cuts end there.
    region
        One slice per axis of the label image (the image without channels); None is all of it.
    out
        Arrays of the whole label image's shape (with the classes in front for "probabilities") that are
        written at the region's place instead of new arrays: zarr, a file, or a layer's array.
    augment
        Look at every tile in all mirrorings and take the mean: a little better, and 4 (3-D: 8) times slower.
    uncertainty
        What the map of that name shows: the entropy of the mean probabilities, over mirrored and turned views
        of the image ("flips"), or over networks of which random features are left out ("dropout", Gal &
        Ghahramani, ICML 2016). 0 = certain, 1 = could be anything. With objects the rim between two of them
        counts, too. The features left out are the same all over the image and at every call, so that the map
        does not depend on tiles; "dropout" needs a network that was trained with it.
    n_samples
        How many views, at most 8 (3-D: 16), or networks.
    decoder
        How objects are made of the maps; None is as was chosen on the held-out part of the training.
    cancel
        Looked at before every layer of the network.
    device
        "auto", "cuda", "mps" or "cpu".

    Yields
    ------
    Progress
        After each part of the image.

    Raises
    ------
    InputError
        If an output is unknown, the region is empty, or `out` does not fit.
    DeviceMemoryError
        If the memory does not suffice even for small tiles.
    """
    wanted = checked_outputs(outputs, uncertainty, n_samples)
    where = whole_region(region, source.output_shape)
    targets = make_targets(wanted, where, out or {}, model.heads, source.output_shape)
    doubt = uncertainty if "uncertainty" in wanted else None
    messages = pixel_size_messages(model, source)

    def tell(message: str) -> None:
        _log.warning("%s", message)
        messages.append(message)

    predictor = _predictor(model, source, augment, doubt, n_samples, tell, cancel, resolve_device(device))
    n_objects = 0
    try:
        places = list(places_of(where, source, model.heads.dimensions))
        for number, place in enumerate(places):
            part = _Part(place, where, predictor, targets, model.heads, source)
            instances = _Instances(part, targets["instances"]) if "instances" in wanted else None
            job = _predict_part(part, model, instances, decoder, n_objects + 1, cancel)
            words = f"image {number + 1} of {len(places)}: " if len(places) > 1 else ""
            done, ahead = number / len(places), (number + 1) / len(places)
            n_objects += yield from _as_share(job, done, ahead, words)
    finally:
        predictor.release()
    arrays = {name: targets[name].array if name in targets else None for name in OUTPUTS}
    return UNetPrediction(**arrays, region=where, n_objects=n_objects, messages=tuple(messages))


def _predictor(
    model: TrainedUNet,
    source: ImageSource,
    augment: bool,
    doubt: Uncertainty | None,
    n_samples: int,
    tell: Callable[[str], object],
    cancel: CancelToken | None,
    device: str,
) -> TilePredictor:
    from .torch_inference import TilePredictor

    normalization = model.parameters.normalization
    return TilePredictor(
        model.network,
        model.heads,
        source,
        model.heads.dimensions,
        strides=model.configuration.strides,
        device=device,
        normalization=normalization,
        tile=model.configuration.patch if normalization == "instance" else None,
        augment=augment,
        doubt=doubt,
        n_samples=n_samples,
        seed=model.parameters.random_state,
        tell=tell,
        cancel=cancel,
    )


# -------------------------------------------------------------------------------- one plane or volume


class _Part:
    """Reads maps of a place and writes what they say, all in pixels from the corner of the wanted region.

    Parameters
    ----------
    place
        Which plane or volume.
    whole
        Region of the label image that is wanted, all axes.
    """

    def __init__(
        self,
        place: Place,
        whole: Region,
        predictor: TilePredictor,
        targets: Mapping[str, Target],
        heads: Heads,
        source: ImageSource,
    ) -> None:
        self.shape = tuple(part.stop - part.start for part in place.region)
        self.heads = heads
        self._place = place
        self._whole = whole
        self._predictor = predictor
        self._targets = targets
        self._has_time = "T" in source.output_axes
        grid = tile_grid(self.shape, _BLOCK_2D if len(self.shape) == 2 else _BLOCK_3D)
        self._waiting = {tile.index: tile.inner for tile in grid}

    @property
    def waiting(self) -> list[Region]:
        """Blocks that are still to be written."""
        return list(self._waiting.values())

    @property
    def has_dense_outputs(self) -> bool:
        """Whether anything but instances is wanted."""
        return any(name != "instances" for name in self._targets)

    def prepare(self) -> Iterator[Progress]:
        """Compute what all of the part needs ahead, tile by tile, where that can be remembered."""
        return self._predictor.prepare(self._place.frame, self._place.plane, self._place.region)

    def maps(self, region: Region) -> F32:
        """Maps (n_maps, *region), of which blocks that lie within are written on the way."""
        place = self._place
        where: Region = tuple(
            slice(part.start + own.start, part.stop + own.start)
            for part, own in zip(region, place.region, strict=True)
        )
        if place.plane is None:
            said = self._predictor.outputs(place.frame, where)
        else:
            said = self._predictor.outputs(place.frame, (slice(place.plane, place.plane + 1), *where))[:, 0]
        if self.has_dense_outputs:
            self._write_within(region, said)
        return said[: self.heads.n_maps]

    def index(self, region: Region, *, relative: bool) -> tuple[Any, ...]:
        """Where a region of this part is in an array of the wanted region, or of the whole label image."""
        place = self._place
        leading = [place.frame] if self._has_time else []
        leading += [] if place.plane is None else [place.plane]
        if relative:
            leading = [i - part.start for i, part in zip(leading, self._whole, strict=False)]
            return (*leading, *region)
        return (
            *leading,
            *(
                slice(part.start + own.start, part.stop + own.start)
                for part, own in zip(region, place.region, strict=True)
            ),
        )

    def _write_within(self, region: Region, said: F32) -> None:
        within = [number for number, block in self._waiting.items() if _is_within(block, region)]
        for block in [self._waiting.pop(number) for number in within]:
            inside = tuple(
                slice(b.start - r.start, b.stop - r.start) for b, r in zip(block, region, strict=True)
            )
            part = said[(slice(None), *inside)]
            for name, target in self._targets.items():
                if name != "instances":
                    index = self.index(block, relative=target.relative)
                    target.write(index, dense_output(name, part, self.heads, target.dtype))


class _Instances:
    """A part's place in the array of instances, as an array of its own."""

    def __init__(self, part: _Part, target: Target) -> None:
        self._part = part
        self._target = target

    def __setitem__(self, region: Region, values: Any) -> None:
        self._target.array[self._part.index(region, relative=self._target.relative)] = values


def _predict_part(
    part: _Part,
    model: TrainedUNet,
    instances: _Instances | None,
    decoder: Decoder | None,
    first_id: int,
    cancel: CancelToken | None,
) -> Job[int]:
    """Predict one plane or volume; how many objects were found."""
    n_objects = 0
    ahead = 0.0
    for progress in part.prepare():
        ahead = _AHEAD
        yield Progress(ahead * progress.fraction, 1, progress.message)
    if instances is not None:
        side = _BLOCK_2D[0] if len(part.shape) == 2 else None
        decoding: Job[int] = instances_by_blocks(
            part.maps,
            part.shape,
            decoder or model.decoder,
            model.heads,
            model.spacing,
            instances,
            block=side,
            first_id=first_id,
            cancel=cancel,
        )
        n_objects = yield from _as_share(decoding, ahead, 1)
        ahead = 1.0
    if part.has_dense_outputs:
        yield from _as_share(_write_rest(part, cancel), ahead, 1)
    return n_objects


def _write_rest(part: _Part, cancel: CancelToken | None) -> Job[int]:
    """Write the blocks that no object was looked for in."""
    blocks = part.waiting
    for done, block in enumerate(blocks, start=1):
        if cancel is not None:
            cancel.raise_if_cancelled()
        part.maps(block)
        yield Progress(done, len(blocks), f"predicting part {done} of {len(blocks)}")
    return len(blocks)


def _as_share(job: Job[int], low: float, high: float, words: str = "") -> Generator[Progress, None, int]:
    """The progress of a job as a part, from `low` to `high` in 0..1, of a larger one."""
    try:
        while True:
            progress = next(job)
            yield Progress(low + (high - low) * progress.fraction, 1, words + progress.message)
    except StopIteration as end:
        return int(end.value)
    finally:
        job.close()


def _is_within(block: Region, region: Region) -> bool:
    return all(r.start <= b.start and b.stop <= r.stop for b, r in zip(block, region, strict=True))
