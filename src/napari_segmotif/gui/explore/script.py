"""The same work as a Python script. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .inputs import ChannelFile, MeasuredFiles

if TYPE_CHECKING:
    from ...explore.classifying.object_classifier import ObjectClassifier

_MOST_CLASSES = 400  # more picked objects make a script that nobody reads: they come from the table's file


@dataclass(frozen=True)
class Work:
    """What was done, step by step.

    Attributes
    ----------
    files
        What was measured; empty for a table out of a file.
    table_path
        The file of the table, where it was opened.
    axes, properties
        Of the labels; what was measured.
    maps, pruning, clustering
        Settings of each map in the order in which they were made, of the pruning that is in use, and of the
        clusters; empty where there are none.
        Of clusters "map" are the columns of the map they were found in, and "from_check" says that they are
        those which the stability check recommends.
    clustering_columns, map_columns
        The features that the clusters, and each map, were made with, where those are others than in use now.
    classifier
        The classifier, or None.
    classes
        Classes as picked, by (roi_id, frame, label).
    class_names, method
        Names of the classes; how they were learned.
    saved
        The file of the classifier, or None.
    """

    files: tuple[MeasuredFiles, ...]
    table_path: Path | None
    axes: str
    properties: tuple[str, ...]
    maps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pruning: Mapping[str, Any] = field(default_factory=dict)
    clustering: Mapping[str, Any] = field(default_factory=dict)
    clustering_columns: tuple[str, ...] = ()
    map_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classifier: ObjectClassifier | None = None
    classes: Mapping[tuple[str, int, int], int] = field(default_factory=dict)
    class_names: Mapping[int, str] = field(default_factory=dict)
    method: str = "random_forest"
    saved: Path | None = None


def as_python(work: Work) -> str:
    """Write a script that does the same from the files to the table."""
    steps = [*_table(work), *_pruning(work), *_maps(work), *_clusters(work), *_classes(work)]
    body = "\n".join([*steps, "", "write_table(table, 'objects.parquet')"])
    return "\n".join([*_imports(body), "", body, ""])


def _imports(body: str) -> list[str]:
    public = (
        "Clustering", "Embedding", "ObjectClassifier", "cluster_stability", "measure_objects",
        "prune_correlated",
    )  # fmt: skip
    used = [name for name in public if f"{name}(" in body or f"{name}." in body]
    lines = [f"from napari_segmotif import {', '.join(used)}"] if used else []
    if "open_image(" in body:
        lines.append("from napari_segmotif.common.image_io import open_image")
    tables = [name for name in ("read_table", "write_table") if f"{name}(" in body]
    lines.append(f"from napari_segmotif.explore.table_files import {', '.join(tables)}")
    keyed = [
        name
        for name in ("KEY", "identified", "join_tables", "table_info")
        if f"{name})" in body or f"{name}(" in body
    ]
    if keyed:
        lines.append(f"from napari_segmotif.explore.tables import {', '.join(keyed)}")
    return lines


def _table(work: Work) -> list[str]:
    if work.table_path is not None or not work.files:
        path = str(work.table_path or "objects.parquet")
        return [f"table = read_table({path!r})"]
    lines = ["tables = []"]
    textured = any(name.startswith(("texture", "haralick")) for name in work.properties)
    # As in the window: textures of all images by the grey levels of the first, to be compared.
    shared_levels = ["        grey_range=table_info(tables[0]).grey_ranges or None,"] if textured else []
    for number, one in enumerate(work.files):
        lines += [f"labels = open_image({_path(one.path, 'labels.tif')}).array[:]{_note(one.path, one.name)}"]
        lines += [*_channels(one.channels), "tables.append(", "    measure_objects(", "        labels,"]
        if one.channels:
            lines += [
                "        channels,",
                f"        channel_names={[c.name for c in work.files[0].channels]!r},",
            ]
            lines += [f"        intensity_axes={one.axes!r},"]
        lines += [
            f"        axes={one.axes!r},",
            f"        spacing={one.spacing!r},",
            f"        unit={one.unit!r},",
            f"        properties={work.properties!r},",
            *(shared_levels if number else []),
            f"        roi_id={one.name!r},",
            "    )",
            ")",
        ]
    return [*lines, "table = join_tables(tables)"]


def _channels(channels: Sequence[ChannelFile]) -> list[str]:
    if not channels:
        return []
    lines = ["channels = ["]
    for channel in channels:
        place = "[:]"
        if channel.index is not None:
            before = ", ".join([":"] * channel.axes.index("C") + [str(channel.index)])
            place = f"[{before}]"
        note = _note(channel.path, channel.name)
        lines.append(f"    open_image({_path(channel.path, 'image.tif')}).array{place},{note}")
    return [*lines, "]"]


def _pruning(work: Work) -> list[str]:
    if not work.pruning:
        return ["columns = None  # all features"]
    settings = ", ".join(f"{name}={value!r}" for name, value in work.pruning.items())
    return ["", f"columns = prune_correlated(table, {settings}).kept"]


def _maps(work: Work) -> list[str]:
    lines = []
    for method, settings in work.maps.items():
        given = "".join(f", {name}={value!r}" for name, value in settings.items())
        columns = f"{list(work.map_columns[method])!r}" if method in work.map_columns else "columns"
        lines += [
            "",
            f"embedding = Embedding({method!r}{given}).fit(table, {columns})",
            "table[list(embedding.names_)] = embedding.embedding_",
        ]
    return lines


def _clusters(work: Work) -> list[str]:
    if not work.clustering:
        return []
    settings = dict(work.clustering)
    method, names = settings.pop("method"), settings.pop("map", None)
    columns = f"{list(work.clustering_columns)!r}" if work.clustering_columns else "columns"
    if settings.pop("from_check", False):
        return [
            "",
            f"report = cluster_stability(table, method={method!r}, columns={columns})",
            "print(report.summary())",
            "table['cluster'] = report.labels",
        ]
    given = "".join(f", {name}={value!r}" for name, value in settings.items())
    mapped = ""
    if settings.get("space") == "embedding":
        mapped = f", embedding=table[{list(names)!r}]" if names else ", embedding=embedding.embedding_"
    return [
        "",
        f"clustering = Clustering({method!r}{given}).fit(table, {columns}{mapped})",
        "table['cluster'] = clustering.labels_",
    ]


def _classes(work: Work) -> list[str]:
    if work.classifier is None:
        return []
    if work.saved is not None or not work.classes:
        note = "" if work.saved else "  # the classifier is in no file yet: save it, and put its path here"
        lines = ["", f"classifier = ObjectClassifier.load({str(work.saved or 'objects.segmotif')!r}){note}"]
    else:
        lines = ["", *_picked(work)]
        names = {k: v for k, v in work.class_names.items() if k in set(work.classes.values())}
        lines += [
            f"classifier = ObjectClassifier({work.method!r})",
            f"classifier.fit(table, classes, columns=columns, class_names={names!r})",
            "print(classifier.validate().summary())",
            "classifier.save('objects.segmotif')",
        ]
    return [*lines, "table['predicted_class'] = classifier.predict(table)"]


def _picked(work: Work) -> list[str]:
    if len(work.classes) > _MOST_CLASSES:
        return [
            "picked = identified(read_table('picked.parquet'))  # the table, saved with its classes",
            "classes = picked.set_index(list(KEY))['class']  # by image, frame and label",
        ]
    lines = ["classes = {  # (image, frame, label): class"]
    lines += [f"    {key!r}: {value}," for key, value in work.classes.items()]
    return [*lines, "}"]


def _path(path: str | None, other: str) -> str:
    return repr(path or other)


def _note(path: str | None, name: str) -> str:
    return "" if path else f"  # layer {name!r} is in no file yet: save it, and put its path here"
