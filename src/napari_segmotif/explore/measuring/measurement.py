"""From label and intensity images to the table of their objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress, run_job
from ...common.units import normalise_unit
from ...errors import InputError
from ..tables import TableInfo, with_info
from .grey_range import GreyRange, Ranges, checked_ranges, grey_ranges_job, range_of, sample_of_objects
from .intensity import intensity_columns, weighted_moments
from .moments import physical, shifted
from .object_images import ObjectImages, object_images
from .object_scan import F64, ObjectScan, scan_objects
from .properties import DEFAULT_GROUPS, PROPERTIES, resolve_properties
from .shape import Columns, moment_family, shape_columns, split

_OF_WEIGHTED = frozenset(
    {"moments_weighted", "moments_weighted_central", "moments_weighted_normalized", "moments_weighted_hu"}
)
_OF_WEIGHTED_CENTROID = frozenset({"centroid_weighted", "centroid_weighted_local"})
_MISSING_WITH_NAN = frozenset({"intensity_mean", "intensity_min", "intensity_max", "intensity_median"})
_NUMBERS = re.compile(r"(-\d+)+$")


def measure_objects(
    labels: Any,
    intensity: Any = None,
    spacing: float | Sequence[float] | None = None,
    properties: Sequence[str] | str = DEFAULT_GROUPS,
    *,
    axes: str | None = None,
    intensity_axes: str | None = None,
    channel_names: Sequence[str] | None = None,
    unit: str | None = None,
    roi_id: str = "",
    grey_range: Sequence[tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Measure every object of a label image.

    Parameters
    ----------
    labels
        (Y, X), (Z, Y, X) or, with `axes`, over time: whole numbers, 0 is background. Labels may have gaps,
        and an object need not be in one piece.
    intensity
        What is measured inside the objects: an array of the labels' shape, one with an axis of channels more,
        or a list of single channels. None: shape only.
    spacing
        Size of a pixel along each spatial axis, or one number for all. Lengths, areas, volumes and centroids
        are in its unit; `bbox` is in pixels. None: pixels.
    properties
        Groups ("shape", "moments", "intensity", "texture", "neighbourhood", "position") and names of
        `PROPERTIES`, those of regionprops.
    axes
        Letters of "TZYX", one per axis of the labels; None: (Y, X), (Z, Y, X) or (T, Z, Y, X).
    intensity_axes
        The same of the intensity with C for channels; None: the labels' axes and, where there is one axis
        more, channels.
    channel_names
        One name per channel; None: channel 1, channel 2, ….
    unit
        Of `spacing`, for instance "µm".
    roi_id
        Name of the image, by which tables of several images are told apart.
    grey_range
        Lowest and highest intensity of the grey levels of textures, a pair for each channel. None: from the
        1 % to the 99 % quantile of the pixels in objects, of all frames; what lies outside belongs to the
        outer levels. Textures of several images can be compared only where it is the same: give the next
        ones the first's, `table_info(table).grey_ranges`.

    Returns
    -------
    DataFrame
        One row an object, by frame and label: `roi_id`, `frame`, `label`, `index` (the label), then the
        properties. Columns are named as by scikit-image's regionprops_table and hold its values; with more
        than one channel, names of what was measured on channel c end in "-c". Without any object it has all
        columns and no rows. Objects with a NaN among their pixels have NaN for that channel's measurements.
        Ratios without meaning (the width of a line as denominator) are NaN. `attrs["messages"]` says in words
        what there is to know: no objects, pixels without a value.

    Raises
    ------
    InputError
        If the labels are no labels (a mask, fractions, NaN, negative numbers), the shapes do not fit, or a
        property is not known, or `grey_range` does not fit the channels.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.zeros((8, 8), int)
    >>> labels[2:5, 1:7] = 3
    >>> measure_objects(labels, spacing=0.5, properties=["area", "centroid"])
      roi_id  frame  label  index  area  centroid-0  centroid-1
    0             0      3      3   4.5         1.5        1.75
    """
    return run_job(
        measure_job(
            labels,
            intensity,
            spacing,
            properties,
            axes=axes,
            intensity_axes=intensity_axes,
            channel_names=channel_names,
            unit=unit,
            roi_id=roi_id,
            grey_range=grey_range,
        )
    )


def measure_job(
    labels: Any,
    intensity: Any = None,
    spacing: float | Sequence[float] | None = None,
    properties: Sequence[str] | str = DEFAULT_GROUPS,
    *,
    axes: str | None = None,
    intensity_axes: str | None = None,
    channel_names: Sequence[str] | None = None,
    unit: str | None = None,
    roi_id: str = "",
    grey_range: Sequence[tuple[float, float]] | None = None,
    cancel: CancelToken | None = None,
) -> Job[pd.DataFrame]:
    """Do the same as `measure_objects`, as a job: it yields Progress and can be cancelled.

    Raises
    ------
    JobCancelled
        If `cancel` was raised; apart from that as `measure_objects`.
    """
    images = object_images(labels, intensity, spacing, axes, intensity_axes)
    names = resolve_properties(properties, images.dimensions, bool(images.channels))
    info = _info(images, spacing, unit, channel_names, properties)
    cancel = cancel or CancelToken()
    frames: list[Columns] = []
    textures = any(PROPERTIES[name].group == "texture" for name in names)
    n_channels = len(images.channels)
    ranges: Ranges = checked_ranges(grey_range, n_channels) or [None] * n_channels
    if textures and None in ranges and images.n_frames > 1:  # of a single frame they are found on the way
        ranges = yield from grey_ranges_job(images, cancel)
    for frame in range(images.n_frames):
        columns = yield from _measure_frame(images, frame, set(names), ranges, cancel)
        if columns:
            frames.append(columns)
    if not frames:
        frames.append(_no_rows(images, set(names)))
    table = _table(("frame", "label", "index", *names), frames, str(roi_id))
    table.attrs["messages"] = _remarks(table, names, info.channels)
    known = tuple(found for found in ranges if found is not None)
    if textures and len(known) == len(ranges):
        info = info.model_copy(update={"grey_ranges": known})
    return with_info(table, info)


def _table(names: Sequence[str], frames: Sequence[Columns], roi_id: str) -> pd.DataFrame:
    """The columns of these properties, in the order of their names and numbers, of all frames."""
    columns_of: dict[str, list[tuple[tuple[int, ...], str]]] = {}
    for column in frames[0]:
        numbers = _NUMBERS.search(column)
        place = tuple(int(number) for number in numbers[0][1:].split("-")) if numbers else ()
        columns_of.setdefault(_NUMBERS.sub("", column), []).append((place, column))
    ordered = [column for name in names for _, column in sorted(columns_of.get(name, []))]
    n = sum(len(columns["label"]) for columns in frames)
    return pd.DataFrame(
        {"roi_id": pd.Series([roi_id] * n, dtype=str)}
        | {column: np.concatenate([columns[column] for columns in frames]) for column in ordered}
    )


def _remarks(table: pd.DataFrame, names: Sequence[str], channels: Sequence[str]) -> list[str]:
    """What the user should know of the measured values."""
    if not len(table):
        return ["no object was found: the label image holds background only"]
    said = []
    for channel, title in enumerate(channels):
        suffix = f"-{channel}" if len(channels) > 1 else ""
        for name in names:
            column = f"{name}{suffix}"
            if name in _MISSING_WITH_NAN and (n := int(table[column].isna().sum())):
                said.append(
                    f"{n} of {len(table)} objects have pixels without a value (NaN) in {title}: "
                    "what is measured on it is missing there"
                )
                break
    return said


def _measure_frame(
    images: ObjectImages, frame: int, names: set[str], ranges: Ranges, cancel: CancelToken
) -> Job[Columns]:
    """All columns of one frame; nothing where it has no objects."""
    said = f" in frame {frame + 1} of {images.n_frames}" if images.n_frames > 1 else ""
    total = images.n_frames
    cancel.raise_if_cancelled()
    yield Progress(frame, total, f"looking for objects{said}")
    scan = scan_objects(images.read_labels(frame), cancel)
    if not scan.n:
        return {}
    columns: Columns = {
        "frame": np.full(scan.n, frame, np.int64),
        "label": scan.labels,
        "index": scan.labels,
    }
    steps = _steps(images, frame, scan, names, ranges, cancel)
    for done, (message, step) in enumerate(steps):
        cancel.raise_if_cancelled()
        yield Progress(frame + (done + 1) / (len(steps) + 1), total, message + said)
        columns |= step()
    return columns


def _steps(
    images: ObjectImages,
    frame: int,
    scan: ObjectScan,
    names: set[str],
    ranges: Ranges,
    cancel: CancelToken,
) -> list[tuple[str, Any]]:
    """What is to be done for a frame: words and the work."""
    spacing = images.spacing
    found: Columns = {}

    def shapes() -> Columns:
        found.update(shape_columns(scan, spacing, names, cancel))
        return found

    steps: list[tuple[str, Any]] = [("measuring shapes", shapes)]
    groups = {PROPERTIES[name].group for name in names}
    if "neighbourhood" in groups:

        def neighbours() -> Columns:
            from .neighbourhood import neighbourhood_columns

            centroids = np.stack([found[f"centroid-{a}"] for a in range(scan.dimensions)], axis=1)
            return dict(neighbourhood_columns(scan.compact, scan.n, scan.bbox, spacing, centroids))

        steps.append(("looking at neighbours", neighbours))
    if any(PROPERTIES[name].needs_intensity for name in names):
        several = len(images.channels) > 1
        for channel in range(len(images.channels)):

            def intensities(channel: int = channel) -> Columns:
                image = images.read_channel(frame, channel)
                if ranges[channel] is None and "texture" in groups:
                    ranges[channel] = range_of([sample_of_objects(image, scan.compact)])
                columns = _channel_columns(scan, image, spacing, names, ranges[channel], cancel)
                return (
                    {f"{name}-{channel}": values for name, values in columns.items()} if several else columns
                )

            steps.append(
                (f"measuring channel {channel + 1}" if several else "measuring intensity", intensities)
            )
    return steps


def _channel_columns(
    scan: ObjectScan,
    image: NDArray[Any],
    spacing: F64,
    names: set[str],
    grey_range: GreyRange | None,
    cancel: CancelToken,
) -> Columns:
    columns: Columns = {}
    groups = {PROPERTIES[name].group for name in names if PROPERTIES[name].needs_intensity}
    if "intensity" in groups:
        columns |= intensity_columns(scan, image, names, cancel)
    if names & (_OF_WEIGHTED | _OF_WEIGHTED_CENTROID):
        columns |= _weighted_columns(scan, image, spacing, names, cancel)
    if "texture" in groups:
        from .texture import texture_columns

        columns |= texture_columns(
            scan.compact,
            scan.n,
            scan.bbox,
            spacing,
            image[np.newaxis],
            value_range=None if grey_range is None else [grey_range],
            runs=scan.runs,
            cancel=cancel,
        )
    return columns


def _weighted_columns(
    scan: ObjectScan, image: NDArray[Any], spacing: F64, names: set[str], cancel: CancelToken
) -> Columns:
    full = bool(names & _OF_WEIGHTED)
    about_middle = weighted_moments(scan, image, 3 if full else 1, cancel)
    axes = range(3 - scan.dimensions, 3)
    middle = (scan.box[:, 1] - scan.box[:, 0] - 1)[:, axes] / 2
    mass = about_middle.reshape(scan.n, -1)[:, 0]
    unit = np.eye(scan.dimensions, dtype=int)
    first = np.stack([about_middle[(slice(None), *step)] for step in unit], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        local = np.where(mass[:, None] != 0, first / mass[:, None], np.nan) + middle
    columns = split("centroid_weighted_local", local * spacing)
    columns |= split("centroid_weighted", (scan.box[:, 0][:, axes] + local) * spacing)
    if full:
        raw = physical(shifted(about_middle, middle), spacing)
        central = physical(shifted(about_middle, middle - local), spacing)
        columns |= moment_family("moments_weighted", raw, central, spacing, names)
    return columns


def _no_rows(images: ObjectImages, names: set[str]) -> Columns:
    """The columns of a table without rows: those of a single pixel, without it."""
    pixel = np.ones((1,) * images.dimensions, np.int32)
    blank = ObjectImages(
        pixel,
        images.axes.replace("T", ""),
        tuple((pixel.astype(np.float64), images.axes.replace("T", ""), None) for _ in images.channels),
        images.spacing,
    )
    job = _measure_frame(blank, 0, names, [None] * len(blank.channels), CancelToken())
    return {name: values[:0] for name, values in run_job(job).items()}


def _info(
    images: ObjectImages,
    spacing: float | Sequence[float] | None,
    unit: str | None,
    channel_names: Sequence[str] | None,
    properties: Sequence[str] | str,
) -> TableInfo:
    n = len(images.channels)
    channels = (
        tuple(channel_names) if channel_names is not None else tuple(f"channel {i + 1}" for i in range(n))
    )
    if len(channels) != n:
        raise InputError(f"give each of the {n} channels a name (got {channels})")
    length = normalise_unit(unit)
    if length is None:
        length = "pixel" if spacing is None or (images.spacing == 1).all() else "unit"
    return TableInfo(
        dimensions=images.dimensions,
        spacing=None if spacing is None else tuple(images.spacing.tolist()),
        unit=length,
        channels=channels,
        properties=(properties,) if isinstance(properties, str) else tuple(properties),
    )
