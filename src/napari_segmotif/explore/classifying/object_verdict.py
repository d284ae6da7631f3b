"""What a validation says in plain words: how good, against what chance, and what it does not say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .object_training import TrainingObjects

if TYPE_CHECKING:
    from .object_validation import ObjectValidation, ShuffledScores

FEW = 10
"""Fewer examples of a class than this say little about it."""
_UNEVEN = 4
_GAP_WORTH_SAYING = 0.1
_MOST_LISTED = 5

_UNSEEN = {
    "image": "On images that the classifier had not seen",
    "position": "On regions that the classifier had not seen",
    "random": "On objects that the classifier had not seen",
}
Name = Callable[[int], str]


def sentences(
    result: ObjectValidation, objects: TrainingObjects, from_clusters: bool, names: Mapping[int, str]
) -> Iterator[str]:
    """All that should be said about a validation, the most important first."""

    def name(class_id: int) -> str:
        return names.get(class_id, f"class {class_id}")

    if result.n_folds == 0:
        yield (
            f"Nothing could be judged: each class is in one {_GROUP[result.method]} only. Pick objects of "
            f"each class in another {_GROUP[result.method]}, too."
        )
    else:
        yield (
            f"{_UNSEEN[result.method]}, {100 * result.accuracy:.1f} % of the objects were right; "
            f"the mean F1 of the classes is {100 * result.macro_f1:.1f} %."
        )
        yield _against_chance(result)
    if from_clusters:
        yield (
            "These classes are clusters, drawn from the same features: the accuracy says how well the "
            "classifier copies the clustering, not whether the clusters are real. Their stability says that."
        )
    yield from _about_method(result, objects)
    yield from _about_classes(result, objects, name)
    if result.n_folds:
        yield from _about_uneven(result, name)


def _against_chance(result: ObjectValidation) -> str:
    null = result.null
    assert null is not None
    low, high = null.macro_f1_range
    chance = (
        f"with shuffled classes it is {100 * null.macro_f1_mean:.1f} % "
        f"({100 * low:.1f} to {100 * high:.1f} % in 95 % of {len(null.macro_f1)} shuffles)"
    )
    whole = "" if null.shuffled == "object" else f", shuffled by whole {null.shuffled}s"
    whole += _smaller(null)
    if result.beats_null:
        return f"That is better than chance: {chance}{whole}."
    return (
        f"That is no better than chance: {chance}{whole}. Give more examples, or measure features in which "
        f"the classes differ."
    )


def _smaller(null: ShuffledScores) -> str:
    parts = [] if null.n_trees is None else [f"by forests of only {null.n_trees} trees"]
    if null.n_objects is not None:
        parts.append(f"from at most {null.n_objects} objects")
    return f"; shuffles are learned {' '.join(parts)}, to save time" if parts else ""


_GROUP = {"image": "image", "position": "place", "random": "object"}


def _about_method(result: ObjectValidation, objects: TrainingObjects) -> Iterator[str]:
    if result.method == "random":
        yield (
            "Warning: single objects were held out at random, so neighbours of an object, or itself in "
            "another frame, may have been trained on: the figures are optimistic. Give classes in several "
            "images, or measure positions."
        )
    elif result.method == "position":
        yield (
            "Regions of the same images were held out: the figures are about other parts of these images. "
            "For new images, give classes in several."
        )
    elif len(objects.roi_names) < 4:
        yield f"This rests on {len(objects.roi_names)} images: more of them make the figures firm."


def _about_classes(result: ObjectValidation, objects: TrainingObjects, name: Name) -> Iterator[str]:
    if result.unjudged and result.n_folds:
        where = "image" if result.method == "image" else "place"
        yield (
            f"Not judged, because in one {where} only: {_listed(map(name, result.unjudged))}. "
            f"Give objects of it a class in another {where}."
        )
    classes, counts = np.unique(objects.y, return_counts=True)
    few = [f"{name(int(c))} ({n})" for c, n in zip(classes, counts, strict=True) if n < FEW]
    if few:
        yield (
            f"Warning: few examples of {_listed(few)}: the figures may be far off. "
            f"Give at least {FEW} of each class, better 30."
        )


def _about_uneven(result: ObjectValidation, name: Name) -> Iterator[str]:
    """Say where a common class makes the accuracy look better than the classes are told apart."""
    scores = result.scores
    judged = np.flatnonzero(scores.support > 0)
    support = scores.support[judged]
    if support.max() < _UNEVEN * support.min():
        return
    precision = np.nan_to_num(scores.precision[judged])
    worst = judged[int(np.argmin(np.minimum(precision, scores.jaccard[judged])))]
    jaccard = float(scores.jaccard[worst])
    if result.accuracy - jaccard < _GAP_WORTH_SAYING:
        return
    claimed = float(np.nan_to_num(scores.precision[worst]))
    yield (
        f"Warning: the classes are uneven, and the accuracy of {100 * result.accuracy:.1f} % is mostly about "
        f"{name(scores.classes[int(judged[support.argmax()])])}. Look at {name(scores.classes[int(worst)])}: "
        f"of the objects called so {100 * claimed:.1f} % were right (precision), and its Jaccard is "
        f"{100 * jaccard:.1f} %."
    )


def _listed(words: Iterable[str]) -> str:
    items = list(words)
    more = len(items) - _MOST_LISTED
    return ", ".join(items[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
