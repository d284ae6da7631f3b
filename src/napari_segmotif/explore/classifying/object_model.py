"""A classifier's settings, and what training with them gives: prepared features and a model of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ...common.progress import CancelToken, Job
from ..preparation import Preparation
from .object_forest import ObjectForest, grow_forest
from .object_logistic import ObjectLogistic, fit_logistic


class ObjectParameters(BaseModel):
    """Settings of the object classifier, with bounds: what the constructor checks and the form shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["random_forest", "logistic_regression"] = Field(
        default="random_forest",
        title="Method",
        description="A random forest for any shape of class; logistic regression for simple ones and few "
        "examples.",
    )
    n_estimators: int = Field(
        default=200, ge=1, le=2000, title="Trees", description="More trees: smoother probabilities, slower."
    )
    max_depth: int | None = Field(
        default=None, ge=1, le=200, title="Depth", description="Longest chain of questions; empty: no limit."
    )
    min_samples_leaf: int = Field(
        default=1, ge=1, le=10_000, title="Leaf size", description="Fewest objects in a tree's leaf."
    )
    max_features: Literal["sqrt", "log2"] | float = Field(
        default="sqrt",
        title="Features per question",
        description="How many features a tree looks at for each question: their square root, or a share.",
    )
    class_weight: Literal["none", "balanced"] = Field(
        default="balanced",
        title="Class weights",
        description="'balanced' lets every class count the same, however many objects of it were picked.",
    )
    regularization: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        title="Smoothness",
        description="Of logistic regression: larger is more cautious (1 / C of scikit-learn).",
    )
    random_state: int = Field(
        default=0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same classifier."
    )


@dataclass(frozen=True)
class ObjectModel:
    """A trained model together with the preparation of the features it was trained on."""

    preparation: Preparation
    model: ObjectForest | ObjectLogistic

    @property
    def columns(self) -> tuple[str, ...]:
        """The features it looks at."""
        return self.preparation.columns_

    def predict_proba(
        self, table: pd.DataFrame, n_threads: int = 1, cancel: CancelToken | None = None
    ) -> NDArray[np.float64]:
        """Class probabilities (n, n_classes)."""
        return self.model.predict_proba(self.preparation.transform(table), n_threads, cancel)


def new_preparation(parameters: ObjectParameters) -> Preparation:
    """An unfitted preparation: trees compare one feature at a time and need no common scale."""
    if parameters.method == "random_forest":
        return Preparation("none", log_skewed=False)
    return Preparation("robust")


def train(
    X: NDArray[np.float64],
    y: NDArray[np.integer],
    n_classes: int,
    parameters: ObjectParameters,
    n_threads: int = 1,
    cancel: CancelToken | None = None,
) -> Job[ObjectForest | ObjectLogistic]:
    """Train on prepared features X (n, F) and classes `y` (n,) in 0 … n_classes − 1."""
    balanced = parameters.class_weight == "balanced"
    if parameters.method == "logistic_regression":
        return (
            yield from fit_logistic(
                X,
                y,
                n_classes,
                regularization=parameters.regularization,
                balanced=balanced,
                cancel=cancel,
            )
        )
    return (
        yield from grow_forest(
            X,
            y,
            n_classes,
            n_estimators=parameters.n_estimators,
            max_depth=parameters.max_depth,
            min_samples_leaf=parameters.min_samples_leaf,
            max_features=parameters.max_features,
            balanced=balanced,
            random_state=parameters.random_state,
            n_threads=n_threads,
            cancel=cancel,
        )
    )


def usable_threads(n_jobs: int | None) -> int:
    """How many threads to use: those asked for, or as many as this process may."""
    if n_jobs is not None and n_jobs > 0:
        return n_jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
