"""scikit-learn's random forest, grown by threads of our own.

scikit-learn grows the trees of a forest in joblib threads, each of which empties and refills the warning
filters of the whole process for as long as it grows a tree. Before Python 3.14 that is not safe beside other
threads, and in napari the window is one: warnings that somebody silenced come up, and filters stay changed.
Here only the short input checks of the single trees still touch them. The trees, their seeds and their
bootstrap samples are the same; only who grows them differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

_LARGEST_SEED = np.iinfo(np.int32).max
R = TypeVar("R")


class ThreadedForest(RandomForestClassifier):  # type: ignore[misc]
    """A `RandomForestClassifier` with the same trees, for one seed and bootstrap samples of full size.

    Parameters are those of scikit-learn; `random_state` is an integer.
    """

    def fit(self, X: NDArray[np.float32], y: NDArray[Any], sample_weight: None = None) -> ThreadedForest:
        """Grow up to `n_estimators` trees; with `warm_start`, those that are there stay."""
        X = np.ascontiguousarray(X, dtype=np.float32)
        self.classes_, encoded = np.unique(y, return_inverse=True)
        self.n_classes_, self.n_outputs_, self.n_features_in_ = len(self.classes_), 1, X.shape[1]
        self.n_rows_ = len(X)
        if not (self.warm_start and hasattr(self, "estimators_")):
            self.estimators_: list[DecisionTreeClassifier] = []
        random = np.random.RandomState(self.random_state)
        seeds = [int(seed) for seed in np.atleast_1d(random.randint(_LARGEST_SEED, size=self.n_estimators))]
        labels = encoded.astype(np.float64)
        # As in scikit-learn from 1.8 on, weights decide how often a row is drawn.
        weights = None if self.class_weight is None else compute_sample_weight(self.class_weight, y)
        self.row_weights_ = None if weights is None else weights / weights.sum()

        def grow(seed: int) -> DecisionTreeClassifier:
            tree = DecisionTreeClassifier(
                max_depth=self.max_depth,
                min_samples_leaf=self.min_samples_leaf,
                max_features=self.max_features,
                random_state=seed,
            )
            times_drawn = np.bincount(self._drawn(seed), minlength=len(X))
            return tree.fit(X, labels, sample_weight=times_drawn, check_input=False)

        self.estimators_ += self._in_threads(grow, seeds[len(self.estimators_) :])
        return self

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean of the trees' class probabilities, (n, n_classes)."""
        rows = np.ascontiguousarray(X, dtype=np.float32)
        total = np.zeros((len(rows), self.n_classes_))
        for found in self._in_threads(
            lambda tree: tree.predict_proba(rows, check_input=False), self.estimators_
        ):
            total += found
        return total / len(self.estimators_)

    @property
    def estimators_samples_(self) -> list[NDArray[np.int64]]:
        """The rows that each tree was trained on."""
        return [self._drawn(tree.random_state) for tree in self.estimators_]

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Mean of the trees' importances, summing to 1; zeros where no tree has asked a question."""
        asking = [tree.feature_importances_ for tree in self.estimators_ if tree.tree_.node_count > 1]
        if not asking:
            return np.zeros(self.n_features_in_)
        mean = np.mean(asking, axis=0)
        return np.asarray(mean / mean.sum())

    def _in_threads(self, work: Callable[[Any], R], items: Iterable[Any]) -> list[R]:
        with ThreadPoolExecutor(max_workers=max(1, self.n_jobs or 1)) as pool:
            return list(pool.map(work, items))

    def _drawn(self, seed: int) -> NDArray[np.int64]:
        """The bootstrap sample of the tree with this seed, as scikit-learn draws it."""
        random = np.random.RandomState(seed)
        if self.row_weights_ is None:
            return np.asarray(random.randint(0, self.n_rows_, self.n_rows_))
        return np.asarray(random.choice(self.n_rows_, self.n_rows_, replace=True, p=self.row_weights_))
