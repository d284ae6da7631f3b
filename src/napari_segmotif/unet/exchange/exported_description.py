"""What other programs must know of an exported network, as plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..training_data.intensity import HIGH_PERCENTILE, LOW_PERCENTILE

if TYPE_CHECKING:
    from ..trained import TrainedUNet

VERSION = 1
_SPATIAL = "ZYX"


def map_names(model: TrainedUNet) -> tuple[str, ...]:
    """Names of the output maps, in their order: classes, and with objects "boundary", "offset_y" and so on.

    No name occurs twice.
    """
    heads = model.heads
    usual = {0: "background", 1: "object"} if heads.objects else {}
    names = [
        model.class_names.get(label, "") or usual.get(label, f"class {label}") for label in heads.classes
    ]
    if heads.objects:
        names += ["boundary", *(f"offset_{letter.lower()}" for letter in _SPATIAL[-heads.dimensions :])]
    return _unique(names)


def channel_names(model: TrainedUNet) -> tuple[str, ...]:
    """Names of the image's channels; no name occurs twice."""
    given = [*model.channel_names, *[""] * model.n_channels][: model.n_channels]
    return _unique([name or f"channel {i + 1}" for i, name in enumerate(given)])


def describe_export(model: TrainedUNet) -> dict[str, Any]:
    """How images are prepared for a network, what its maps are, and how objects are made of them."""
    heads, spacing = model.heads, model.spacing
    return {
        "version": VERSION,
        "annotation": model.annotation,
        "axes": _SPATIAL[-heads.dimensions :],
        "spacing": None if spacing is None else [float(size) for size in spacing],
        "channels": list(channel_names(model)),
        "classes": [int(label) for label in heads.classes],
        "background": int(heads.classes[heads.background_index]),
        "objects": heads.objects,
        "maps": list(map_names(model)),
        "percentiles": [LOW_PERCENTILE, HIGH_PERCENTILE],
        "normalization": model.parameters.normalization,
        "multiples_of": [int(step) for step in model.configuration.total_stride],
        "patch": [int(size) for size in model.configuration.patch],
        "decoder": model.decoder.model_dump(mode="json"),
    }


def _unique(names: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        n, candidate = 1, name
        while candidate in found:
            n += 1
            candidate = f"{name} {n}"
        found.append(candidate)
    return tuple(found)
