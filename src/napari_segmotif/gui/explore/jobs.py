"""The jobs of the feature explorer: generators that know neither napari nor Qt."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ...errors import InputError, ModelMismatchError
from ..layers import LayerSnapshot
from .findings import CONFIDENCE, PREDICTED
from .foreign_columns import tidied
from .image.class_layer import column_image_job
from .inputs import MeasureInput, check_alike, named_alike
from .table_links import Candidate, TableLink, link_job

if TYPE_CHECKING:
    from ...explore.classifying.object_classifier import ObjectClassifier
    from ...explore.classifying.object_validation import ObjectValidation
    from ...explore.clusters.clustering import Clustering
    from ...explore.clusters.stability import StabilityReport
    from ...explore.correlation import Pruning
    from ...explore.explaining.explanation import Explanation
    from ...explore.mapping.embedding import Embedding
    from ...explore.tables import TableInfo

Rows = NDArray[np.bool_]
_PCA_AXES = 5
_PCA_COLUMN = re.compile(r"PCA\d+")
_FEWEST_FOR_PCA = 3  # objects: with two, everything lies on a line


@dataclass(frozen=True)
class Measured:
    """A table, the map that is there at once, and what to say.

    Attributes
    ----------
    table
        The objects.
    pca
        Their map; None where there are too few objects, or where the table has one.
    message
        Why there is no map, "" where there is.
    notes
        What was changed in a table that was opened, in sentences.
    class_names
        Names of classes that were texts in the file, by number.
    links
        The labels layers that an opened table is of.
    """

    table: pd.DataFrame
    pca: Embedding | None
    message: str = ""
    notes: tuple[str, ...] = ()
    class_names: Mapping[int, str] = field(default_factory=dict)
    links: tuple[TableLink, ...] = ()


def measure(inputs: Sequence[MeasureInput], properties: Sequence[str], cancel: CancelToken) -> Job[Measured]:
    """Measure the objects of one or several images into one table, and map them by PCA."""
    table = yield from measure_table(inputs, properties, cancel)
    return (yield from with_pca(table, cancel))


def measure_table(
    inputs: Sequence[MeasureInput],
    properties: Sequence[str],
    cancel: CancelToken,
    info: TableInfo | None = None,
) -> Job[pd.DataFrame]:
    """Measure the objects of one or several images into one table.

    Textures have the grey levels of a table that was measured before (`info`), else of the first image, so
    that they can be compared.
    """
    from ...explore.measuring.measurement import measure_job
    from ...explore.tables import join_tables, table_info

    check_alike(inputs)
    given = named_alike(inputs)
    tables = []
    for number, one in enumerate(given):
        cancel.raise_if_cancelled()
        arguments = one.arguments()
        levels = () if info is None else info.grey_ranges
        job = measure_job(
            arguments.pop("labels"),
            **arguments,
            properties=tuple(properties),
            grey_range=levels if len(levels) == len(one.channels) else None,
            cancel=cancel,
        )
        found = yield from part_of(job, number, len(given), one.labels.name if len(given) > 1 else "")
        if len(found):
            tables.append(found)
            info = info or table_info(found)
    if not tables:
        names = ", ".join(f"'{one.labels.name}'" for one in given)
        raise InputError(f"there is no object to measure: choose labels with objects (got only 0 in {names})")
    return tables[0] if len(tables) == 1 else join_tables(tables)


def with_pca(table: pd.DataFrame, cancel: CancelToken) -> Job[Measured]:
    """Map a table by PCA, where there is enough of it and it has none of its own."""
    from ...explore.tables import feature_columns

    if any(_PCA_COLUMN.fullmatch(str(name)) for name in table.columns):
        return Measured(table, None)
    if len(table) < _FEWEST_FOR_PCA or len(feature_columns(table)) < 2:
        return Measured(table, None, "Too few objects or features for a map.")
    try:
        n_axes = min(_PCA_AXES, len(table) - 1, len(feature_columns(table)))
        pca = yield from embed(table, "pca", {"n_components": n_axes}, None, cancel)
    except InputError as error:  # constant features and the like: the table is good all the same
        return Measured(table, None, str(error))
    return Measured(table, pca)


def open_table(
    path: Path, cancel: CancelToken, candidates: Sequence[Candidate] = (), chosen: str = ""
) -> Job[Measured]:
    """Read a table, map it by PCA, and find the labels layers that it is of; see `link_job`."""
    from ...explore.table_files import read_table
    from ...explore.tables import identified

    yield Progress(0, 0, f"reading {path.name}")
    tidy = tidied(identified(read_table(path)).reset_index(drop=True))
    measured = yield from with_pca(tidy.table, cancel)
    links = yield from link_job(tidy.table, candidates, chosen, cancel)
    return replace(measured, notes=tidy.messages, class_names=tidy.names, links=links)


def save_table(table: pd.DataFrame, path: Path, cancel: CancelToken) -> Job[Path]:
    """Write a table."""
    from ...explore.table_files import write_table

    yield Progress(0, 0, f"writing {path.name}")
    cancel.raise_if_cancelled()
    return write_table(table, path)


def embed(
    table: pd.DataFrame,
    method: Any,
    settings: dict[str, Any],
    columns: Sequence[str] | None,
    cancel: CancelToken,
) -> Job[Embedding]:
    """Map the objects onto a plane."""
    from ...explore.mapping.embedding import Embedding

    embedding = Embedding(method, **settings)
    yield from embedding.fit_job(table, columns, cancel=cancel)
    return embedding


def overlap(
    table: pd.DataFrame,
    method: Any,
    settings: dict[str, Any],
    columns: Sequence[str] | None,
    cancel: CancelToken,
) -> Job[Any]:
    """Find out how much of a map stays from seed to seed."""
    from ...explore.mapping.neighbourhood_overlap import embedding_overlap_job

    return (yield from embedding_overlap_job(table, method, columns=columns, cancel=cancel, **settings))


def cluster(
    table: pd.DataFrame,
    settings: dict[str, Any],
    columns: Sequence[str] | None,
    embedding: NDArray[np.floating[Any]] | None,
    cancel: CancelToken,
) -> Job[Clustering]:
    """Group the objects."""
    from ...explore.clusters.clustering import Clustering

    settings = dict(settings)
    clustering = Clustering(settings.pop("method"), settings.pop("n_clusters"), **settings)
    yield from clustering.fit_job(table, columns, embedding=embedding, cancel=cancel)
    return clustering


def stability(
    table: pd.DataFrame, method: Any, columns: Sequence[str] | None, cancel: CancelToken
) -> Job[StabilityReport]:
    """Find out how many groups there are, and whether they are real."""
    from ...explore.clusters.stability import cluster_stability_job

    return (yield from cluster_stability_job(table, method=method, columns=columns, cancel=cancel))


def prune(
    table: pd.DataFrame, threshold: float, method: Any, columns: Sequence[str] | None, cancel: CancelToken
) -> Job[Pruning]:
    """Find features that say the same."""
    from ...explore.correlation import prune_correlated

    yield Progress(0, 0, "comparing features")
    cancel.raise_if_cancelled()
    return prune_correlated(table, threshold, columns=columns, method=method)


def explain(
    table: pd.DataFrame, group: Rows, other: Rows | None, columns: Sequence[str] | None, cancel: CancelToken
) -> Job[Explanation]:
    """Find what makes a group of objects different."""
    from ...explore.explaining.explanation import explain_job

    return (yield from explain_job(table, group, other, columns=columns, cancel=cancel))


@dataclass(frozen=True)
class Predicted:
    """Classes (n,) of a table's objects, how sure each is, (n,) in [0, 1], and all shares (n, n_classes)."""

    classes: NDArray[np.int64]
    confidence: NDArray[np.float64]
    shares: NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """A classifier, what it says of the table that it was trained in, and the classes (n,) given there."""

    classifier: ObjectClassifier
    predicted: Predicted
    classes: NDArray[np.int64]


def train(
    table: pd.DataFrame,
    classes: NDArray[np.int64],
    method: Any,
    columns: Sequence[str] | None,
    options: dict[str, Any],
    cancel: CancelToken,
) -> Job[Trained]:
    """Learn the classes that objects were given, and tell those of all others."""
    from ...explore.classifying.object_classifier import ObjectClassifier

    classifier = ObjectClassifier(method)
    yield from classifier.fit_job(table, classes, columns=columns, **options, cancel=cancel)
    return Trained(classifier, (yield from predict(classifier, table, cancel)), classes)


def predict(classifier: ObjectClassifier, table: pd.DataFrame, cancel: CancelToken) -> Job[Predicted]:
    """Tell the class of every object of a table."""
    shares = yield from classifier.predict_proba_job(table, cancel=cancel)
    return Predicted(classifier.classes_of(shares).astype(np.int64), shares.max(axis=1), shares)


def validate(classifier: ObjectClassifier, by: Any, cancel: CancelToken) -> Job[ObjectValidation]:
    """Measure how good a classifier is on objects that it did not learn from."""
    return (yield from classifier.validate_job(by=by, cancel=cancel))


def suggest(
    classifier: ObjectClassifier | None,
    table: pd.DataFrame,
    labelled: Rows,
    strategy: Any,
    cancel: CancelToken,
    shares: NDArray[np.float64] | None = None,
) -> Job[NDArray[np.int64]]:
    """Choose the objects whose class would teach a classifier most; row numbers, the best first.

    `shares` is what it says of the table, where that is known.
    """
    from ...explore.classifying.object_classifier import ObjectClassifier

    yield Progress(0, 0, "looking for objects worth a click")
    cancel.raise_if_cancelled()
    if classifier is not None:
        try:
            classifier.check(table)
        except ModelMismatchError:  # it was trained on another table: nothing is known of this one yet
            if strategy == "uncertainty":
                raise
            classifier = None
    classifier = ObjectClassifier() if classifier is None else classifier
    return np.asarray(
        classifier.suggest(table, n=10, strategy=strategy, labelled=labelled, probabilities=shares)
    )


@dataclass(frozen=True)
class Asked:
    """Rows of objects to give a class next, the best first, and the classifier that was learned for it."""

    rows: NDArray[np.int64]
    trained: Trained | None = None


def learn_and_suggest(
    learn: Callable[[CancelToken], Job[Trained]],
    table: pd.DataFrame,
    labelled: Rows,
    strategy: Any,
    cancel: CancelToken,
) -> Job[Asked]:
    """Learn again, and choose the objects whose class would teach that classifier most."""
    trained = yield from learn(cancel)
    shares = trained.predicted.shares
    rows = yield from suggest(trained.classifier, table, labelled, strategy, cancel, shares)
    return Asked(rows, trained)


@dataclass(frozen=True)
class Applied:
    """The table of another image with the classes found there, an image of them, and what is to be known."""

    table: pd.DataFrame
    image: NDArray[Any]
    messages: tuple[str, ...] = ()


def apply(
    classifier: ObjectClassifier, given: MeasureInput, properties: Sequence[str], cancel: CancelToken
) -> Job[Applied]:
    """Measure another image as the classifier's was, and tell the classes of its objects."""
    table = yield from measure_table([given], properties, cancel, classifier.info_)
    predicted = yield from predict(classifier, table, cancel)
    told = table.assign(**{PREDICTED: predicted.classes, CONFIDENCE: predicted.confidence})
    told.attrs = dict(table.attrs)
    image = yield from column_image_job(
        given.labels, told, PREDICTED, roi_id=given.labels.name, cancel=cancel
    )
    return Applied(told, image, classifier.check(table))


def paint(
    sources: Sequence[tuple[str, LayerSnapshot]], table: pd.DataFrame, column: str, cancel: CancelToken
) -> Job[list[NDArray[Any]]]:
    """Paint the objects of some images (roi_id, labels) with their values in a column."""
    images = []
    for number, (roi_id, source) in enumerate(sources):
        job = column_image_job(source, table, column, roi_id=roi_id, cancel=cancel)
        images.append((yield from part_of(job, number, len(sources), roi_id)))
    return images


def save_model(classifier: ObjectClassifier, path: Path, cancel: CancelToken) -> Job[Path]:
    """Write a classifier."""
    yield Progress(0, 0, f"writing {path.name}")
    cancel.raise_if_cancelled()
    classifier.save(path)
    return path


def load_model(path: Path, cancel: CancelToken) -> Job[ObjectClassifier]:
    """Read a classifier."""
    from ...explore.classifying.object_classifier import ObjectClassifier

    yield Progress(0, 0, f"reading {path.name}")
    cancel.raise_if_cancelled()
    return ObjectClassifier.load(path)


def part_of(job: Job[Any], number: int, n_parts: int, name: str) -> Job[Any]:
    """Pass a job on as one of several parts: its progress is a part of the whole."""
    try:
        while True:
            progress = next(job)
            said = f"{name}: {progress.message}" if name and progress.message else name or progress.message
            yield (
                replace(progress, done=number + progress.fraction, total=float(n_parts), message=said)
                if n_parts > 1
                else progress
            )
    except StopIteration as end:
        return end.value
    finally:
        job.close()
