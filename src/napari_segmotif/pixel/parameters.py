"""The settings of the random forest, with their bounds: what the constructor checks and the form shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from .forests.threaded_forest import ThreadedForest


class ForestParameters(BaseModel):
    """Settings of the random forest (Breiman, 2001), as scikit-learn names them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_estimators: int = Field(
        default=100, ge=1, le=2000, title="Trees", description="More trees: smoother probabilities, slower."
    )
    class_weight: Literal["none", "balanced"] = Field(
        default="none",
        title="Class weights",
        description="'balanced' lets every class count the same, however much of it was painted.",
    )
    max_depth: int | None = Field(
        default=None, ge=1, le=200, title="Depth", description="Longest chain of questions; empty: no limit."
    )
    min_samples_leaf: int = Field(
        default=1, ge=1, le=10_000, title="Leaf size", description="Fewest painted pixels in a tree's leaf."
    )
    max_features: Literal["sqrt", "log2"] | float = Field(
        default="sqrt",
        title="Features per question",
        description="How many features a tree looks at for each question: their square root, or a share.",
    )
    random_state: int = Field(
        default=0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same forest."
    )

    def new_forest(self, n_jobs: int, y: NDArray[Any] | None = None) -> ThreadedForest:
        """An untrained forest of scikit-learn trees.

        Parameters
        ----------
        n_jobs
            Threads.
        y
            Classes it will be trained on. A forest that grows step by step cannot work out balanced
            weights again at each step: they are worked out here.
        """
        from .forests.threaded_forest import ThreadedForest

        weight: dict[int, float] | str | None = None if self.class_weight == "none" else "balanced"
        if weight is not None and y is not None:
            labels, counts = np.unique(y, return_counts=True)
            weight = {int(c): len(y) / (len(labels) * n) for c, n in zip(labels, counts, strict=True)}
        return ThreadedForest(
            n_estimators=self.n_estimators,
            class_weight=weight,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            random_state=self.random_state,
            n_jobs=n_jobs,
        )
