"""What was found out about the present table, beside its columns. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...explore.tables import CLASS, CLUSTER, feature_columns, table_info

if TYPE_CHECKING:
    from ...explore.classifying.object_classifier import ObjectClassifier
    from ...explore.classifying.object_validation import ObjectValidation
    from ...explore.clusters.clustering import Clustering
    from ...explore.clusters.stability import StabilityReport
    from ...explore.correlation import Pruning
    from ...explore.explaining.explanation import Explanation
    from ...explore.mapping.embedding import Embedding

PREDICTED, CONFIDENCE = "predicted_class", "confidence"
SELECTED, REST = "selected", "rest"
_GROUPED_BY = {"cluster": CLUSTER, "class": CLASS, "found": PREDICTED}
_SHORTEST = {"pca": "PCA", "umap": "UMAP", "tsne": "tSNE"}


@dataclass
class Findings:
    """The results of all steps; each is of the table as it is now, or None.

    Attributes
    ----------
    properties
        What was measured; empty for a table out of a file that does not say.
    embeddings, trusts
        Maps by method, and how much of each chance decides.
    clustering, clustering_settings, report
        Groups, what they were made with, and what is known about how many there are.
    pruning, pruned
        Features that say the same, and whether one of each is worked with.
    explanation
        What tells two groups apart.
    classifier, validation
        The classifier (of this or of another table), and how good it is.
    from_clusters
        Whether the classes were copied from the clusters.
    made_with
        The features that a finding was made with: "map:umap", "trust:umap", "clusters", "report",
        "explanation".
    """

    properties: tuple[str, ...] = ()
    embeddings: dict[str, Embedding] = field(default_factory=dict)
    map_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    trusts: dict[str, Any] = field(default_factory=dict)
    clustering: Clustering | None = None
    clustering_settings: dict[str, Any] = field(default_factory=dict)
    report: StabilityReport | None = None
    pruning: Pruning | None = None
    pruning_settings: dict[str, Any] = field(default_factory=dict)
    pruned: bool = False
    explanation: Explanation | None = None
    classifier: ObjectClassifier | None = None
    validation: ObjectValidation | None = None
    from_clusters: bool = False
    made_with: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget what belonged to another table; a classifier is good for the next one, too."""
        kept = self.classifier
        self.__init__()  # type: ignore[misc]
        self.classifier = kept

    def take_map(self, embedding: Embedding, columns: Sequence[str]) -> None:
        """Keep a map, made with these features, as the last that was made."""
        method = embedding.parameters.method
        self.embeddings.pop(method, None)  # else it would keep the place of the one before
        self.embeddings[method] = embedding
        self.trusts.pop(method, None)
        self.made_with[f"map:{method}"] = tuple(columns)

    def last_map(self) -> Embedding | None:
        """Return the map that was made last and is no PCA."""
        return next((self.embeddings[one] for one in reversed(self.embeddings) if one != "pca"), None)

    def made_otherwise(self, finding: str, table: pd.DataFrame | None) -> bool:
        """Whether a finding (see `made_with`) was made with other features than are worked with now."""
        made = self.made_with.get(finding)
        return made is not None and table is not None and made != tuple(self.columns(table))

    def columns(self, table: pd.DataFrame) -> list[str]:
        """Return the features that are worked with."""
        features = feature_columns(table)
        if self.pruning is None or not self.pruned:
            return features
        kept = set(self.pruning.kept)
        return [name for name in features if name in kept]

    def map_columns(self, table: pd.DataFrame, method: str) -> list[str]:
        """Return the columns of a map that are in the table."""
        stem = _SHORTEST[method]
        return [name for name in table.columns if name.startswith(stem) and name[len(stem) :].isdigit()]


def channels_of(table: pd.DataFrame | None) -> tuple[str, ...]:
    """Return the names of the channels that were measured."""
    info = None if table is None else table_info(table)
    return () if info is None else info.channels


def groups_in(table: pd.DataFrame, names: Mapping[int, str]) -> list[tuple[str, str, str, int]]:
    """List the clusters and classes that objects are in: (key, title, about, number).

    Parameters
    ----------
    table
        An object table.
    names
        Names of classes.
    """
    found = []
    for kind, column in _GROUPED_BY.items():
        if column not in table:
            continue
        numbers, counts = np.unique(table[column].to_numpy(), return_counts=True)
        for number, n in zip(numbers, counts, strict=True):
            if number > 0:
                name = f"cluster {number}" if kind == "cluster" else names.get(int(number), f"class {number}")
                title = (
                    f"{name} (found)" if kind == "found" else f"{name} (picked)" if kind == "class" else name
                )
                found.append((f"{kind}:{int(number)}", title, f"{n:,} objects", int(number)))
    return found


def members(table: pd.DataFrame, key: str, selected: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return which objects (n,) a group has, by its key; None for "all others"."""
    if key == SELECTED:
        return selected.copy()
    if key in ("", REST):
        return None
    kind, _, number = key.partition(":")
    column = _GROUPED_BY[kind]
    if column not in table:
        return np.zeros(len(table), bool)
    return np.asarray(table[column].to_numpy() == int(number))
