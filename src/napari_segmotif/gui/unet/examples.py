"""What a network is trained on, frozen: pairs of layers, or folders of files. No Qt, no napari.

A job opens them where it runs: labels that are painted on are copied there if copying them on the main thread
would be felt, and files are read there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...batch.pairs import OpenedPairs, Pair, match_pairs, open_pairs
from ...common.axes import COLOR_NAMES, ImageSource
from ...errors import InputError
from ..classes.entries import ClassEntry, names_of


@dataclass(frozen=True)
class LabelsOfLayer:
    """Labels as they are in a layer.

    Attributes
    ----------
    array
        The data; in NumPy a copy where `painted_on` is False.
    shape
        Of the labels over the image's axes without C; the data may have a channel axis of length 1 more.
    painted_on
        Whether `array` is the very one that painting goes on in.
    """

    array: Any
    shape: tuple[int, ...]
    painted_on: bool = False

    def read(self) -> NDArray[Any]:
        """Return the labels as an array that nobody writes into."""
        array = np.array(self.array) if self.painted_on else np.asarray(self.array)
        return array.reshape(self.shape)


@dataclass(frozen=True)
class LayerPair:
    """An image layer and its labels, without the layers."""

    name: str
    image: ImageSource
    labels: LabelsOfLayer
    rgb: bool = False


@dataclass(frozen=True)
class LayerExamples:
    """Pairs of layers; `entries` are the classes that the label layers name."""

    pairs: tuple[LayerPair, ...]
    entries: tuple[ClassEntry, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the images, in their order."""
        return tuple(pair.name for pair in self.pairs)

    def first(self) -> LayerExamples:
        """Return the first pair alone."""
        return replace(self, pairs=self.pairs[:1])

    @contextmanager
    def opened(self) -> Iterator[OpenedPairs]:
        """Give images and labels (worker thread)."""
        first = self.pairs[0]
        yield OpenedPairs(
            tuple(pair.image for pair in self.pairs),
            tuple(pair.labels.read() for pair in self.pairs),
            names_of(self.entries),
            COLOR_NAMES[: first.image.n_channels] if first.rgb else (),
        )


@dataclass(frozen=True)
class FolderExamples:
    """Pairs of files out of two folders; `alone` are images without labels."""

    pairs: tuple[Pair, ...]
    alone: tuple[Path, ...] = ()
    entries: tuple[ClassEntry, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the images, in their order."""
        return tuple(pair.image.name for pair in self.pairs)

    def first(self) -> FolderExamples:
        """Return the first pair alone."""
        return replace(self, pairs=self.pairs[:1])

    def opened(self) -> AbstractContextManager[OpenedPairs]:
        """Open the files for as long as they are needed (worker thread)."""
        return open_pairs(self.pairs)


Examples = LayerExamples | FolderExamples


def find_files(images: Path, labels: Path) -> FolderExamples:
    """Match the images of a folder with the labels of another one, by name.

    Raises
    ------
    InputError
        If there are none, or a name fits several.
    """
    if images == labels:
        raise InputError(f"keep images and labels in two folders (got {images} twice)")
    found, alone = match_pairs([images], [labels])
    if not found:
        raise InputError(
            f"no image has labels of its name: the labels of 'cells.tif' are called 'cells.tif' or "
            f"'cells_labels.tif' (got {len(alone)} images)"
        )
    return FolderExamples(tuple(found), tuple(alone))


def entries_of(layers: Sequence[tuple[ClassEntry, ...]]) -> tuple[ClassEntry, ...]:
    """Put the classes of several label layers together; the first to name a label decides."""
    entries: dict[int, ClassEntry] = {}
    for one in layers:
        for entry in one:
            entries.setdefault(entry.label, entry)
    return tuple(entries[label] for label in sorted(entries))
