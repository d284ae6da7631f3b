"""Reading what OME-XML says about an image: pixel size, units, time interval, channels, our own notes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from .units import to_seconds

NAMESPACE = "napari-segmotif"


@dataclass(frozen=True)
class OmeImage:
    """What one Image element says. `sizes` and `units` are keyed by "X", "Y", "Z"; `notes` are ours."""

    name: str = ""
    sizes: dict[str, float] = field(default_factory=dict)
    units: dict[str, str | None] = field(default_factory=dict)
    time_interval: float | None = None
    channel_names: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """The dictionary that was written with the image, else empty."""
        try:
            metadata = json.loads(self.notes.get("metadata", "{}"))
        except ValueError:
            return {}
        return metadata if isinstance(metadata, dict) else {}


def read_ome_image(xml: str, index: int) -> OmeImage:
    """Read the Image element of number `index`; what is missing or unreadable is left out."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return OmeImage()
    images = _all(root, "Image")
    pixels = _all(images[index], "Pixels") if index < len(images) else []
    if not pixels:
        return OmeImage()
    attributes = pixels[0].attrib
    sizes = {axis: _number(attributes.get(f"PhysicalSize{axis}")) for axis in "XYZ"}
    interval = _number(attributes.get("TimeIncrement"))
    names = [channel.get("Name", "") for channel in _all(pixels[0], "Channel")]
    references = {reference.get("ID") for reference in _all(images[index], "AnnotationRef")}
    return OmeImage(
        name=images[index].get("Name", ""),
        sizes={axis: size for axis, size in sizes.items() if size is not None},
        units={axis: attributes.get(f"PhysicalSize{axis}Unit", "µm") for axis in "XYZ"},
        time_interval=None if interval is None else to_seconds(interval, attributes.get("TimeIncrementUnit")),
        channel_names=tuple(names) if any(names) else (),
        notes=_own_notes(root, references),
    )


def _own_notes(root: ElementTree.Element, references: set[str | None]) -> dict[str, str]:
    for annotation in _all(root, "MapAnnotation"):
        if annotation.get("Namespace") == NAMESPACE and annotation.get("ID") in references:
            return {entry.get("K", ""): entry.text or "" for entry in _all(annotation, "M")}
    return {}


def _all(element: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    """Descendants of a name, whichever year's OME namespace they are in."""
    return [e for e in element.iter() if isinstance(e.tag, str) and e.tag.rpartition("}")[2] == tag]


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
