"""The object classifier: classes of some objects, clusters or picked by hand, continued to all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError, NotFittedError
from ..preparation import Preparation
from ..tables import TableInfo, checked_table, chosen_columns, table_info
from . import classifier_file
from .object_folds import By
from .object_match import check_match
from .object_model import ObjectModel, ObjectParameters, new_preparation, train, usable_threads
from .object_suggestion import Pool, Strategy, suggest_rows, uncertainty
from .object_training import (
    Classes,
    TrainingObjects,
    checked_classes,
    class_per_row,
    cluster_per_row,
    copies_clusters,
    labelled_rows,
)
from .object_validation import N_SHUFFLES, ObjectValidation, validate_objects


class ObjectClassifier:
    """Tells objects apart by their measured features, in this table and in those of other images.

    Parameters
    ----------
    method
        "random_forest" (Breiman, 2001) or "logistic_regression".
    n_estimators, max_depth, min_samples_leaf, max_features
        Of the forest, as in `sklearn.ensemble.RandomForestClassifier`.
    class_weight
        "balanced": every class counts the same; None: every object does.
    regularization
        Of logistic regression: 1 / C of scikit-learn's.
    random_state
        Seed; the same objects, classes and seed give the same classifier in every process.
    n_jobs
        Threads; None takes all cores. Results do not depend on it.

    Attributes
    ----------
    classes_
        (K,) int32, the classes, ascending.
    class_names_, class_colors_
        Class → name, and class → "#rrggbb" where one was given.
    columns_
        Names of the features it looks at: those asked for, without those that never vary.
    info_
        How the table was measured, or None where it does not say.
    from_clusters_
        Whether the classes are clusters.
    messages_
        What the user should know about the training.

    Raises
    ------
    InputError
        For parameters out of bounds.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"area": [10.0, 11.0, 12.0, 50.0, 51.0, 52.0, 53.0]})
    >>> classifier = ObjectClassifier(n_estimators=20).fit(table, [1, 1, 0, 3, 3, 0, 0])
    >>> classifier.predict(table)
    array([1, 1, 1, 3, 3, 3, 3], dtype=int32)
    """

    classes_: NDArray[np.int32]
    class_names_: dict[int, str]
    class_colors_: dict[int, str]
    info_: TableInfo | None
    from_clusters_: bool
    messages_: tuple[str, ...]
    model_: ObjectModel
    training_: TrainingObjects

    def __init__(
        self,
        method: Literal["random_forest", "logistic_regression"] = "random_forest",
        *,
        n_estimators: int = 200,
        max_depth: int | None = None,
        min_samples_leaf: int = 1,
        max_features: Literal["sqrt", "log2"] | float = "sqrt",
        class_weight: Literal["balanced"] | None = "balanced",
        regularization: float = 1.0,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        try:
            self.parameters = ObjectParameters(
                method=method,
                n_estimators=n_estimators,
                max_depth=max_depth,
                min_samples_leaf=min_samples_leaf,
                max_features=max_features,
                class_weight=class_weight or "none",
                regularization=regularization,
                random_state=random_state,
            )
        except ValidationError as error:
            raise InputError.from_validation(error) from error
        self.n_jobs = n_jobs

    def fit(
        self,
        table: pd.DataFrame | ArrayLike,
        classes: Classes,
        *,
        columns: Sequence[str] | None = None,
        class_names: Mapping[int, str] | None = None,
        class_colors: Mapping[int, str] | None = None,
        from_clusters: bool = False,
    ) -> ObjectClassifier:
        """Train on the objects that have a class.

        Parameters
        ----------
        table
            (n,) objects, those without a class among them: they help to scale the features.
        classes
            (n,) whole numbers in the order of the rows, 0 = not given; a Series with the table's index, in
            any order; or a Series or dict with the keys (roi_id, frame, label), in a table of one image and
            frame labels alone. Their numbers are kept, gaps included.
        columns
            Features to look at; None takes all (see `tables.feature_columns`).
        class_names, class_colors
            Class → name, class → "#rrggbb": they travel with the model.
        from_clusters
            Whether the classes are clusters; where they nearly equal the table's, that is noticed anyway.

        Raises
        ------
        AnnotationError
            If fewer than two classes are given, or they do not fit the table.
        InputError
            If the table cannot be used, or no feature varies.
        """
        run_job(
            self.fit_job(
                table,
                classes,
                columns=columns,
                class_names=class_names,
                class_colors=class_colors,
                from_clusters=from_clusters,
            )
        )
        return self

    def fit_job(
        self,
        table: pd.DataFrame | ArrayLike,
        classes: Classes,
        *,
        columns: Sequence[str] | None = None,
        class_names: Mapping[int, str] | None = None,
        class_colors: Mapping[int, str] | None = None,
        from_clusters: bool = False,
        cancel: CancelToken | None = None,
    ) -> Job[ObjectClassifier]:
        """`fit` as a job; cancelled or failed it leaves the classifier as it was."""
        table = checked_table(table)
        given, messages = class_per_row(table, classes)
        checked_classes(given)
        wanted = chosen_columns(table, columns)
        yield Progress(0, 0, "preparing the features")
        preparation = new_preparation(self.parameters).fit(table, wanted)
        training = TrainingObjects.from_table(table, given, preparation.columns_)
        ids, y = np.unique(training.y, return_inverse=True)
        X = preparation.transform(training.table())
        model = yield from train(X, y, len(ids), self.parameters, self.n_threads, cancel)
        named, coloured = class_names or {}, class_colors or {}
        self.model_, self.training_, self.classes_ = ObjectModel(preparation, model), training, ids
        self.class_names_ = {int(c): str(named.get(int(c), f"class {c}")) for c in ids}
        self.class_colors_ = {int(c): str(coloured[int(c)]) for c in ids if int(c) in coloured}
        self.info_ = table_info(table)
        self.from_clusters_ = bool(from_clusters) or copies_clusters(table, given)
        self.messages_ = (*messages, *preparation.messages_)
        return self

    def predict(self, table: pd.DataFrame | ArrayLike) -> NDArray[np.int32]:
        """The most likely class of every object: (n,) int32.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ModelMismatchError
            If the table lacks features, or was measured in another unit, number of dimensions, or other
            channels. More columns, and another order of them, are fine.
        """
        return self.classes_of(self.predict_proba(table))

    def predict_proba(self, table: pd.DataFrame | ArrayLike) -> NDArray[np.float64]:
        """Probability of each class, (n, K), in the order of `classes_`; errors as `predict`."""
        return run_job(self.predict_proba_job(table))

    def predict_proba_job(
        self, table: pd.DataFrame | ArrayLike, cancel: CancelToken | None = None
    ) -> Job[NDArray[np.float64]]:
        """`predict_proba` as a job."""
        table = checked_table(table)
        self.check(table)
        yield Progress(0, 1, f"classifying {len(table)} objects")
        probabilities = self.model_.predict_proba(table, self.n_threads, cancel)
        yield Progress(1, 1, f"classified {len(table)} objects")
        return probabilities

    def predict_uncertainty(self, table: pd.DataFrame | ArrayLike) -> NDArray[np.float64]:
        """1 − the distance between the two most likely classes, (n,) in [0, 1]; errors as `predict`."""
        return uncertainty(self.predict_proba(table))

    def classes_of(self, probabilities: NDArray[np.float64]) -> NDArray[np.int32]:
        """The most likely class of each row of probabilities (n, K)."""
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def check(self, table: pd.DataFrame) -> tuple[str, ...]:
        """Whether the classifier can be applied to a table; returns what could not be checked, in sentences.

        Raises
        ------
        NotFittedError, ModelMismatchError
            As `predict`.
        """
        self.check_fitted()
        return check_match(table, self.columns_, self.info_)

    def validate(
        self, by: By = "auto", n_splits: int = 5, *, n_shuffles: int = N_SHUFFLES
    ) -> ObjectValidation:
        """Judge the classifier on objects that it was not trained on, and against chance.

        What chance gives is found by smaller classifiers (see `ShuffledScores`), to save time.

        Parameters
        ----------
        by
            What is held out: "image"; "position", that is regions of the images; "random" objects; "auto":
            the first of these that can judge every class.
        n_splits
            Parts at most.
        n_shuffles
            How often the classes are shuffled to see what chance gives; 20 or more.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            For parameters out of bounds, or positions that are not in the table.
        """
        return run_job(self.validate_job(by, n_splits, n_shuffles=n_shuffles))

    def validate_job(
        self,
        by: By = "auto",
        n_splits: int = 5,
        *,
        n_shuffles: int = N_SHUFFLES,
        cancel: CancelToken | None = None,
    ) -> Job[ObjectValidation]:
        """`validate` as a job."""
        self.check_fitted()
        return (
            yield from validate_objects(
                self.training_,
                self.parameters,
                self.model_.preparation,
                by=by,
                n_splits=n_splits,
                n_shuffles=n_shuffles,
                from_clusters=self.from_clusters_,
                class_names=self.class_names_,
                n_threads=self.n_threads,
                cancel=cancel,
            )
        )

    def suggest(
        self,
        table: pd.DataFrame | ArrayLike,
        n: int = 10,
        strategy: Strategy = "auto",
        labelled: ArrayLike | None = None,
        probabilities: NDArray[np.float64] | None = None,
    ) -> NDArray[np.int64]:
        """Which objects to give a class next, so that as few as possible need one.

        Parameters
        ----------
        table
            The objects. A column `cluster` is used where there is one.
        n
            How many.
        strategy
            "clusters", "uncertainty", "diversity" or "auto" (see `object_suggestion`). All but "uncertainty"
            work before the classifier is trained.
        labelled
            (n,) mask, or classes with 0 = none, of the objects that have a class already; None: those that
            the classifier was trained on, found by (roi_id, frame, label).
        probabilities
            (n, n_classes) what `predict_proba` says of the table, where that is known; None asks it.

        Returns
        -------
        array (≤ n,) int64
            Rows of the table, the best first.

        Raises
        ------
        InputError, ModelMismatchError, NotFittedError
        """
        table = checked_table(table)
        fitted = hasattr(self, "model_")
        known = labelled_rows(table, labelled, self.training_ if fitted else None)
        if fitted and probabilities is None:
            probabilities = self.predict_proba(table)
        columns = self.columns_ if fitted else None
        X = Preparation().fit_transform(table, columns)
        return suggest_rows(Pool(X, known, probabilities, cluster_per_row(table)), n, strategy)

    @property
    def columns_(self) -> tuple[str, ...]:
        """Names of the features it looks at."""
        self.check_fitted()
        return self.model_.columns

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """(F,) how much each of `columns_` counts, summing to 1.

        Of a forest the mean decrease of impurity, in which correlated features share; of logistic regression
        the mean size of the weights. `explain` tells more.
        """
        self.check_fitted()
        return self.model_.model.importances

    @property
    def importances(self) -> pd.DataFrame:
        """`feature` and `importance`, the largest first."""
        found = pd.DataFrame({"feature": self.columns_, "importance": self.feature_importances_})
        return found.sort_values("importance", ascending=False, kind="stable", ignore_index=True)

    @property
    def n_threads(self) -> int:
        """Threads in use."""
        return usable_threads(self.n_jobs)

    def settings(self) -> dict[str, Any]:
        """The keyword arguments that make a classifier like this one."""
        settings = self.parameters.model_dump()
        settings["class_weight"] = None if settings["class_weight"] == "none" else "balanced"
        return settings | {"n_jobs": self.n_jobs}

    def save(self, path: str | Path) -> Path:
        """Write the classifier, the objects it was trained on included, as a `.segmotif` file."""
        self.check_fitted()
        return classifier_file.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, n_jobs: int | None = None) -> ObjectClassifier:
        """Read a classifier; raises ModelFileError where the file is damaged or of another tool."""
        return classifier_file.load(Path(path), n_jobs)

    def check_fitted(self) -> None:
        """Raise NotFittedError before `fit`."""
        if not hasattr(self, "model_"):
            raise NotFittedError(
                "this classifier is not trained yet: call fit(table, classes) first (got no model)"
            )
