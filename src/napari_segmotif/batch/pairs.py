"""Images and their annotations, found by name and opened for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..common.axes import COLOR_NAMES, ImageSource
from ..common.image_io import OpenedImage, find_images, open_image
from ..common.image_paths import split_path
from ..errors import AnnotationError, AxesError, InputError

_BETWEEN = "_-. "


@dataclass(frozen=True)
class Pair:
    """An image file and the file of its annotation."""

    image: Path
    annotation: Path


def match_pairs(
    images: Sequence[str | Path], annotations: Sequence[str | Path]
) -> tuple[list[Pair], list[Path]]:
    """Find out which annotation belongs to which image.

    Files that are named one by one, as many of both, are paired in their order. Otherwise names decide: the
    annotation of "cells.tif" is called "cells", or "cells" with something after one of "_-. ".

    Parameters
    ----------
    images, annotations
        Files, folders or patterns.

    Returns
    -------
    pairs
        In the order of the images.
    alone
        Images without an annotation.

    Raises
    ------
    InputError
        If an annotation belongs to no image or to several, or an image has several annotations.
    """
    found_images, found_annotations = find_images(images), find_images(annotations)
    listed = found_images == [Path(p) for p in images] and found_annotations == [Path(p) for p in annotations]
    if listed and len(images) == len(annotations):
        return [Pair(i, a) for i, a in zip(found_images, found_annotations, strict=True)], []
    found_images = [image for image in found_images if image not in found_annotations]
    owners: dict[Path, Path] = {}
    for annotation in found_annotations:
        image = _owner(annotation, found_images)
        if image in owners:
            raise InputError(
                f"an image has one annotation: choose one of two (got {owners[image].name} and "
                f"{annotation.name} for {image.name})"
            )
        owners[image] = annotation
    pairs = [Pair(image, owners[image]) for image in found_images if image in owners]
    return pairs, [image for image in found_images if image not in owners]


def _owner(annotation: Path, images: Sequence[Path]) -> Path:
    name = stem(annotation)
    owners = [image for image in images if _belongs(name, stem(image))]
    longest = max((len(stem(image)) for image in owners), default=0)
    owners = [image for image in owners if len(stem(image)) == longest]  # cells_1_a belongs to cells_1
    if len(owners) != 1:
        reason = "belongs to no image" if not owners else "could belong to several images"
        raise InputError(
            f"{annotation.name} {reason}: call the annotation of 'cells.tif' 'cells.tif' or "
            f"'cells_annotation.tif', or list as many images as annotations (got {len(images)} images)"
        )
    return owners[0]


def _belongs(annotation: str, image: str) -> bool:
    return annotation == image or (annotation.startswith(image) and annotation[len(image)] in _BETWEEN)


def stem(path: Path) -> str:
    """The name without suffixes of its format; of "a.h5:/raw" it is "a_raw"."""
    file, dataset = split_path(path)
    name = file.name.removesuffix(file.suffix).removesuffix(".ome")
    return name if dataset is None else f"{name}_{dataset.strip('/').replace('/', '_')}"


def open_source(
    path: Path, axes: str | None, spacing: Sequence[float] | None, likely_axes: str | None = None
) -> tuple[OpenedImage, ImageSource]:
    """Open an image as a tool reads it.

    Parameters
    ----------
    path
        The file.
    axes, spacing
        Overrule what the file says.
    likely_axes
        The axes of the training images: taken where the file does not say what its axes are.
    """
    opened = _open(path, axes, likely_axes)
    size = opened.spacing if spacing is None else tuple(spacing)
    try:
        return opened, ImageSource(opened.array, opened.axes, size)
    except InputError:
        opened.close()
        raise


def _open(path: Path, axes: str | None, likely_axes: str | None) -> OpenedImage:
    says_nothing = axes is None and likely_axes is not None
    try:
        opened = open_image(path, axes=axes)
    except AxesError as unclear:
        if not says_nothing:
            raise
        try:
            return open_image(path, axes=likely_axes)
        except AxesError:
            raise unclear from None  # nobody asked for the likely axes: that they do not fit says nothing
    if says_nothing and path.suffix == ".npy" and len(opened.axes) == len(likely_axes or ""):
        opened.close()
        return open_image(path, axes=likely_axes)
    return opened


@dataclass(frozen=True)
class OpenedPairs:
    """Training images and their annotations, open for as long as they are trained on.

    Attributes
    ----------
    images
        What to learn from.
    annotations
        For each image an array, or what takes slices like one, over its axes without C.
    class_names
        By label, as the annotation files name them; the first to name one decides.
    channel_names
        Of the first image that names its channels, or empty.
    """

    images: tuple[ImageSource, ...]
    annotations: tuple[Any, ...]
    class_names: Mapping[int, str]
    channel_names: tuple[str, ...]


@contextmanager
def open_pairs(
    pairs: Sequence[Pair], axes: str | None = None, spacing: Sequence[float] | None = None
) -> Iterator[OpenedPairs]:
    """Open the files of pairs.

    Parameters
    ----------
    pairs
        Files.
    axes, spacing
        Of all images; None takes what the files say.

    Raises
    ------
    AnnotationError
        If an annotation does not have the shape of its image.
    """
    with ExitStack() as stack:
        images, annotations, names, channels = [], [], dict[int, str](), tuple[str, ...]()
        for pair in pairs:
            opened, source = open_source(pair.image, axes, spacing)
            stack.enter_context(opened)
            painted = stack.enter_context(_open_annotation(pair.annotation, source))
            images.append(source)
            annotations.append(painted.array)
            names = {**_names_in(painted), **names}
            channels = channels or _channel_names(opened)
        yield OpenedPairs(tuple(images), tuple(annotations), names, channels)


def _open_annotation(path: Path, image: ImageSource) -> OpenedImage:
    wanted = f"{path.name} must have the shape of its image without channels, {image.output_shape}"
    try:
        opened = _without_channel(_opened_annotation(path, image), image)
    except AxesError as error:  # --axes are those of the images: to ask for them would not help
        raise AnnotationError(f"{wanted} (got another number of axes)") from error
    if opened.shape != image.output_shape:
        opened.close()
        raise AnnotationError(f"{wanted} (got {opened.shape})")
    return opened


def _opened_annotation(path: Path, image: ImageSource) -> OpenedImage:
    try:
        return _open(path, None, image.output_axes)
    except AxesError:
        return _open(path, None, image.axes)


def _without_channel(opened: OpenedImage, image: ImageSource) -> OpenedImage:
    """The annotation without the channel axis of one entry that it has in napari where C is not first.

    napari aligns layers from the right: without that axis, T would be taken for C. What is not mapped into
    memory is read here: it was painted in memory, too.
    """
    place = image.axes.find("C")
    if place < 0 or opened.shape != (*image.output_shape[:place], 1, *image.output_shape[place:]):
        return opened
    array = opened.array[(*[slice(None)] * place, 0)]
    return replace(opened, array=array, axes=image.output_axes)


def _names_in(annotation: OpenedImage) -> dict[int, str]:
    kept: Any = annotation.metadata.get("class_names")
    if not isinstance(kept, dict):
        return {}
    return {int(label): str(name) for label, name in kept.items() if str(label).isdecimal()}


def _channel_names(image: OpenedImage) -> tuple[str, ...]:
    """Names for the features; those of colour samples are the same as in the GUI."""
    n = image.source.n_channels
    if image.rgb:
        return COLOR_NAMES[:n]
    return image.channel_names if len(set(image.channel_names)) == n and n > 1 else ()
