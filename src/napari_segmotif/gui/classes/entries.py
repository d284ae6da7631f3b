"""The classes a user names: label, name and colour. No Qt in here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

#: Colours that stay apart for colour-blind eyes, and stand out on stained tissue and on fluorescence alike.
PALETTE = (
    "#ffb000",
    "#2f8fff",
    "#e0287f",
    "#35c26b",
    "#fe6100",
    "#8f6bf2",
    "#12c4c4",
    "#c9d130",
    "#b5651d",
    "#9aa5b1",
)
METADATA_KEY = "segmotif_classes"


@dataclass(frozen=True)
class ClassEntry:
    """One class: its label (1 or more), what it is called, and its colour "#rrggbb"."""

    label: int
    name: str
    color: str


def default_color(label: int) -> str:
    """Return the colour a class has until the user picks another."""
    return PALETTE[(label - 1) % len(PALETTE)]


def default_entry(label: int) -> ClassEntry:
    """Return the entry a label has until the user names it; the first two are object and background."""
    name = {1: "Object", 2: "Background"}.get(label, f"Class {label}")
    return ClassEntry(label, name, default_color(label))


def starting_classes() -> tuple[ClassEntry, ...]:
    """Return the two classes that every new annotation starts with."""
    return (default_entry(1), default_entry(2))


def with_labels(entries: tuple[ClassEntry, ...], labels: Iterable[int]) -> tuple[ClassEntry, ...]:
    """Return `entries`, with default entries for those of `labels` that have none, ordered by label."""
    known = {entry.label for entry in entries}
    found = [default_entry(int(label)) for label in sorted(set(labels)) if label > 0 and label not in known]
    return tuple(sorted((*entries, *found), key=lambda entry: entry.label))


def next_label(entries: tuple[ClassEntry, ...]) -> int:
    """Return the smallest label that no class has yet."""
    taken = {entry.label for entry in entries}
    return next(label for label in range(1, len(taken) + 2) if label not in taken)


def renamed(entries: tuple[ClassEntry, ...], label: int, **changes: Any) -> tuple[ClassEntry, ...]:
    """Return `entries` with the fields of one class changed."""
    return tuple(replace(entry, **changes) if entry.label == label else entry for entry in entries)


def names_of(entries: Iterable[ClassEntry]) -> dict[int, str]:
    """Return the names by label, as the classifier takes them."""
    return {entry.label: entry.name for entry in entries}


def colors_of(entries: Iterable[ClassEntry]) -> dict[int, str]:
    """Return the colours by label, as the classifier takes them."""
    return {entry.label: entry.color for entry in entries}


def to_metadata(entries: Iterable[ClassEntry]) -> list[dict[str, Any]]:
    """Return what is kept in an annotation layer's metadata, so that names outlive the dock."""
    return [{"label": e.label, "name": e.name, "color": e.color} for e in entries]


def from_metadata(metadata: Mapping[str, Any]) -> tuple[ClassEntry, ...]:
    """Return the classes kept in an annotation layer's metadata; empty where there are none."""
    kept = metadata.get(METADATA_KEY, ())
    return tuple(ClassEntry(int(e["label"]), str(e["name"]), str(e["color"])) for e in kept)
