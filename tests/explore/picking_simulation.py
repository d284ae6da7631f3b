"""How many objects must be given a class until a classifier is as good as it gets: suggested, or at random.

A simulation with known classes: objects get their true class in small batches, as a user would give it, and
after each batch a classifier is trained and judged on objects of another table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_segmotif.common.metrics import ClassificationScores, confusion_matrix
from napari_segmotif.errors import InputError
from napari_segmotif.explore.classifying.object_classifier import ObjectClassifier
from napari_segmotif.explore.classifying.object_suggestion import Strategy
from napari_segmotif.explore.classifying.object_validation import macro_f1
from napari_segmotif.explore.table_simulation import simulate_blobs

Picks = Strategy | Literal["random"]
Pools = tuple[pd.DataFrame, NDArray[np.int64], pd.DataFrame, NDArray[np.int64]]
_TREES = 50
_N_OBJECTS = 1000  # half to choose from, half to judge on


def simulated_pools(random_state: int = 0) -> dict[str, Pools]:
    """Three kinds of task: (table, classes, test table, test classes) by name.

    "rare": six kinds of object, the rarest 4 % of all; "overlapping": five kinds whose clouds touch;
    "nested": three kinds, each around the other, in two of six features.
    """
    return {
        "rare": _halves(
            *simulate_blobs(
                _N_OBJECTS,
                10,
                6,
                separation=5,
                shares=[40, 25, 15, 10, 6, 4],
                random_state=random_state,
            )
        ),
        "overlapping": _halves(*simulate_blobs(_N_OBJECTS, 8, 5, separation=3.5, random_state=random_state)),
        "nested": _halves(*_nested(random_state)),
    }


def _nested(random_state: int) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    values = np.random.default_rng(random_state).standard_normal((_N_OBJECTS, 6))
    radius = np.hypot(values[:, 0], values[:, 1])
    truth = 1 + np.digitize(radius, (1.2, 2.0))
    return pd.DataFrame(values, columns=[f"feature_{f + 1:03d}" for f in range(6)]), truth.astype(np.int64)


def _halves(table: pd.DataFrame, truth: NDArray[np.int64]) -> Pools:
    half = len(table) // 2
    return table.iloc[:half], truth[:half], table.iloc[half:], truth[half:]


def learning_curve(
    table: pd.DataFrame,
    classes: ArrayLike,
    test_table: pd.DataFrame,
    test_classes: ArrayLike,
    *,
    picks: Picks = "auto",
    batch: int = 5,
    n_estimators: int = _TREES,
    random_state: int = 0,
) -> Iterator[tuple[int, float]]:
    """Give objects their class batch after batch, and judge the classifier after each.

    Parameters
    ----------
    table, classes
        (n,) objects to choose from, and their true classes ≥ 1.
    test_table, test_classes
        Other objects, on which the classifier is judged.
    picks
        A strategy of `ObjectClassifier.suggest`, or "random".
    batch
        Objects that get a class between two trainings.
    n_estimators
        Trees of the forests.
    random_state
        Seed of the forests and of random picks.

    Yields
    ------
    n_given, f1
        Objects that have a class, and the macro-averaged F1; 0 as long as only one class is known. The last
        is that of all objects.

    Raises
    ------
    InputError
        For a batch below 1.
    """
    if batch < 1:
        raise InputError(f"batch must be 1 or more (got {batch})")
    truth = np.asarray(classes, np.int32)
    shuffled = np.random.default_rng(random_state).permutation(len(table))
    given = np.zeros_like(truth)
    classifier = ObjectClassifier(n_estimators=n_estimators, random_state=random_state)
    while not given.all():
        rows = _next(classifier, table, given, picks, batch, shuffled)
        given[rows] = truth[rows]
        if len(np.unique(given[given > 0])) < 2:
            yield int((given > 0).sum()), 0.0
            continue
        classifier.fit(table, given)
        yield int((given > 0).sum()), _f1(classifier.predict(test_table), np.asarray(test_classes, np.int32))


def labels_needed(
    table: pd.DataFrame,
    classes: ArrayLike,
    test_table: pd.DataFrame,
    test_classes: ArrayLike,
    *,
    picks: Picks = "auto",
    share: float = 0.95,
    batch: int = 5,
    n_estimators: int = _TREES,
    random_state: int = 0,
) -> int:
    """Objects that need a class until the F1 is `share` of that with all classes known.

    Parameters are those of `learning_curve`.

    Returns
    -------
    int
        At most the number of objects.
    """
    truth, test_truth = np.asarray(classes, np.int32), np.asarray(test_classes, np.int32)
    full = ObjectClassifier(n_estimators=n_estimators, random_state=random_state).fit(table, truth)
    wanted = share * _f1(full.predict(test_table), test_truth)
    curve = learning_curve(
        table,
        truth,
        test_table,
        test_truth,
        picks=picks,
        batch=batch,
        n_estimators=n_estimators,
        random_state=random_state,
    )
    return next((n for n, f1 in curve if f1 >= wanted), len(truth))


def _next(
    classifier: ObjectClassifier,
    table: pd.DataFrame,
    given: NDArray[np.int32],
    picks: Picks,
    batch: int,
    shuffled: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rows that get their class next."""
    if picks == "random":
        left: NDArray[np.int64] = shuffled[given[shuffled] == 0]
        return left[:batch]
    trained = hasattr(classifier, "model_")
    strategy: Strategy = "clusters" if picks == "uncertainty" and not trained else picks
    return classifier.suggest(table, batch, strategy, labelled=given)


def _f1(predicted: NDArray[np.int32], truth: NDArray[np.int32]) -> float:
    ids = [int(c) for c in np.union1d(truth, predicted)]
    return macro_f1(ClassificationScores.from_confusion(confusion_matrix(truth, predicted, ids), ids))
