"""Embeddings: objects of many features as points in a plane, and new objects into the same plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, ValidationError

from ...common.progress import CancelToken, Job, Progress, run_job
from ...errors import InputError, NotFittedError
from ..correlation import warn_of_copies
from ..preparation import Preparation, PreparedParameters
from ..tables import checked_table
from .landmarks import choose_landmarks, landmark_message, place_job
from .principal_components import PrincipalComponents, fit_components

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Method = Literal["pca", "umap", "tsne"]

_NAMES = {"pca": "PCA", "umap": "UMAP", "tsne": "tSNE"}
_COMPARED = 50  # dimensions in which neighbours are sought


class EmbeddingParameters(PreparedParameters):
    """Settings of an embedding, with their bounds: what the constructor checks and the form shows."""

    method: Method = Field(
        default="pca",
        title="Method",
        description="PCA keeps large distances and takes a moment; UMAP and t-SNE keep neighbours.",
    )
    n_components: int = Field(default=2, ge=1, le=10, title="Axes", description="Columns of the embedding.")
    n_neighbors: int = Field(
        default=15,
        ge=2,
        le=500,
        title="Neighbours",
        description="UMAP: few show fine structure, many the large one.",
    )
    min_dist: float = Field(
        default=0.1,
        ge=0,
        le=1,
        title="Least distance",
        description="UMAP: how close similar objects may come to lie.",
    )
    perplexity: float = Field(
        default=30.0,
        ge=1,
        le=500,
        title="Perplexity",
        description="t-SNE: about how many neighbours each object has.",
    )
    max_landmarks: int = Field(
        default=20_000,
        ge=100,
        le=1_000_000,
        title="Most objects embedded",
        description="UMAP and t-SNE arrange so many objects; the others are placed by the nearest of these.",
    )
    random_state: int = Field(
        default=0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same embedding."
    )


class Embedding:
    """Objects of many features as points of few coordinates.

    Features are made comparable first (`Preparation`). PCA (Pearson, 1901) is a rotation; UMAP (McInnes et
    al., 2018) and t-SNE (van der Maaten and Hinton, 2008) put similar objects next to each other, and what is
    far apart there says little. One seed gives one result, whatever the number of threads.

    Parameters
    ----------
    method
        "pca", "umap" or "tsne".
    n_components
        k: coordinates of each object; t-SNE has at most 2.
    **settings
        Every other field of `EmbeddingParameters`.

    Attributes
    ----------
    embedding_
        (n, k) float32, a row for each row of the table.
    names_
        Names of its columns: "PCA1", "PCA2", …
    columns_
        The F features that were used.
    preparation_
        How they were made comparable.
    explained_variance_ratio_
        PCA: (k,), share of the variance along each axis; None for others.
    loadings_
        PCA: DataFrame (F, k), how much of an axis is in each feature (its entry of the axis, times the
        standard deviation along it); None for others.
    n_landmarks_
        How many objects were arranged; the others were placed by the nearest of these.
    messages_
        What the user should know.

    Raises
    ------
    InputError
        If a setting is out of its bounds.

    Examples
    --------
    >>> import numpy as np
    >>> table = pd.DataFrame({"area": [1.0, 2, 3, 4], "width": [1.1, 2.0, 3.1, 4.0]})
    >>> embedding = Embedding("pca").fit(table)
    >>> embedding.explained_variance_ratio_.round(2).tolist()
    [1.0, 0.0]
    >>> bool(np.allclose(embedding.transform(table), embedding.embedding_))
    True
    """

    embedding_: F32
    names_: tuple[str, ...]
    columns_: tuple[str, ...]
    preparation_: Preparation
    explained_variance_ratio_: F64 | None
    loadings_: pd.DataFrame | None
    n_landmarks_: int
    messages_: tuple[str, ...]

    def __init__(self, method: Method = "pca", n_components: int = 2, **settings: Any) -> None:
        try:
            self.parameters = EmbeddingParameters(method=method, n_components=n_components, **settings)
        except ValidationError as error:
            raise InputError.from_validation(error) from error
        if method == "tsne" and n_components > 2:
            raise InputError(f"t-SNE has 1 or 2 axes; take UMAP or PCA for more (got {n_components})")

    def fit(self, table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None = None) -> Self:
        """Embed the objects of a table: `fit_job`, waited for."""
        return run_job(self.fit_job(table, columns))

    def fit_transform(self, table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None = None) -> F32:
        """`fit`, and return `embedding_`, (n, k) float32."""
        return self.fit(table, columns).embedding_

    def fit_job(
        self,
        table: pd.DataFrame | ArrayLike,
        columns: Sequence[str] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> Job[Self]:
        """Embed the objects of a table.

        Parameters
        ----------
        table
            Objects, or an array (n, n_features). Missing values are filled with the median.
        columns
            Names of the features; None: all of the table's.
        cancel
            Cancels from another thread; an earlier fit is untouched.

        Raises
        ------
        InputError
            If the table cannot be used, nothing varies, or there are too few objects for the method.
        JobCancelled
            By `cancel`.
        """
        yield Progress(0, 0, "preparing features")
        table = checked_table(table)
        self._check_enough(len(table))
        chosen = self.parameters
        preparation = Preparation(chosen.scale, log_skewed=chosen.log_skewed)
        values = preparation.fit_transform(table, columns)
        messages = [*preparation.messages_, *warn_of_copies(values, preparation.columns_)]
        if cancel is not None:
            cancel.raise_if_cancelled()
        fitted: _Fitted
        if chosen.method == "pca":
            yield Progress(0, 0, "PCA")
            fitted = _FittedComponents(fit_components(values, chosen.n_components))
            embedding = fitted.components.project(values).astype(np.float32)
            messages += _axes_message(fitted.components)
        else:
            fitted = yield from self._arrange_job(values, messages, cancel)
            embedding = fitted.positions
            if len(fitted.positions) < len(values):
                embedding = yield from fitted.place_job(values, cancel)
        self._keep(preparation, fitted, embedding, messages)
        return self

    def transform(self, table: pd.DataFrame | ArrayLike) -> F32:
        """Where the objects of a table come to lie: `transform_job`, waited for; (n, k) float32."""
        return run_job(self.transform_job(table))

    def transform_job(
        self, table: pd.DataFrame | ArrayLike, *, cancel: CancelToken | None = None
    ) -> Job[F32]:
        """Where the objects of a table, such as that of a new image, come to lie among those fitted.

        The place of an object does not depend on which others come with it, and objects of the fitted table
        keep theirs. With UMAP and t-SNE it is where its nearest landmarks lie.

        Returns
        -------
        embedding
            (n, k) float32.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If the table lacks one of `columns_`.
        JobCancelled
            By `cancel`.
        """
        if not hasattr(self, "embedding_"):
            raise NotFittedError("fit the embedding to a table first (got one that is not fitted)")
        yield Progress(0, 0, "preparing features")
        values = self.preparation_.transform(table)
        return (yield from self._fitted.place_job(values, cancel))

    def _check_enough(self, n: int) -> None:
        from .embedding_tsne import FEWEST_FOR_TSNE
        from .embedding_umap import FEWEST_FOR_UMAP

        method = self.parameters.method
        fewest = {"pca": 2, "umap": FEWEST_FOR_UMAP, "tsne": FEWEST_FOR_TSNE}[method]
        if n < fewest:
            advice = "; PCA needs 2" if method != "pca" and n >= 2 else ""
            shown = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}[method]
            raise InputError(f"{shown} needs at least {fewest} objects{advice} (got {n})")

    def _arrange_job(
        self, values: F64, messages: list[str], cancel: CancelToken | None
    ) -> Job[_FittedLandmarks]:
        """UMAP or t-SNE of the landmarks among prepared values; `messages` are added to."""
        chosen = self.parameters
        rotation = None
        if values.shape[1] > _COMPARED:
            rotation = fit_components(values, _COMPARED)
            values = rotation.project(values)
            share = rotation.ratio.sum()
            messages.append(
                f"Neighbours were sought in the first {_COMPARED} principal components "
                f"({share:.0%} of the variance)."
            )
        rows = choose_landmarks(len(values), chosen.max_landmarks, chosen.random_state)
        messages += landmark_message(len(values), len(rows), "arranged")
        landmarks = values[rows]
        if chosen.method == "umap":
            from .embedding_umap import umap_job

            n_neighbors = min(chosen.n_neighbors, len(rows) - 1)
            if n_neighbors < chosen.n_neighbors:
                messages.append(f"Neighbours lowered to {n_neighbors}, as there are {len(rows)} objects.")
            positions = yield from umap_job(
                landmarks,
                n_components=chosen.n_components,
                n_neighbors=n_neighbors,
                min_dist=chosen.min_dist,
                random_state=chosen.random_state,
                cancel=cancel,
            )
            return _FittedLandmarks(landmarks, positions, rotation)
        from .embedding_tsne import largest_perplexity, tsne_job

        perplexity = min(chosen.perplexity, largest_perplexity(len(rows)))
        if perplexity < chosen.perplexity:
            messages.append(f"Perplexity lowered to {perplexity:.3g}, as there are {len(rows)} objects.")
        arranged = yield from tsne_job(
            landmarks,
            n_components=chosen.n_components,
            perplexity=perplexity,
            random_state=chosen.random_state,
            cancel=cancel,
        )
        return _FittedLandmarks(landmarks, np.asarray(arranged, dtype=np.float32), rotation)

    def _keep(
        self, preparation: Preparation, fitted: _Fitted, embedding: F32, messages: Sequence[str]
    ) -> None:
        name = _NAMES[self.parameters.method]
        self.names_ = tuple(f"{name}{i + 1}" for i in range(self.parameters.n_components))
        self.columns_ = preparation.columns_
        self.preparation_ = preparation
        self.explained_variance_ratio_, self.loadings_ = None, None
        self.n_landmarks_ = len(embedding)
        if isinstance(fitted, _FittedComponents):
            self.explained_variance_ratio_ = fitted.components.ratio
            self.loadings_ = pd.DataFrame(
                fitted.components.loadings(), index=list(self.columns_), columns=list(self.names_)
            )
        else:
            self.n_landmarks_ = len(fitted.positions)
        self.messages_ = tuple(messages)
        self._fitted = fitted
        self.embedding_ = embedding


class _FittedComponents:
    """What a fitted PCA places new objects by."""

    def __init__(self, components: PrincipalComponents) -> None:
        self.components = components

    def place_job(self, values: F64, cancel: CancelToken | None) -> Job[F32]:
        yield Progress(0, 1, "PCA")
        return self.components.project(values).astype(np.float32)


class _FittedLandmarks:
    """What a fitted UMAP or t-SNE places new objects by."""

    def __init__(self, landmarks: F64, positions: F32, rotation: PrincipalComponents | None) -> None:
        self.landmarks = landmarks.astype(np.float32)
        self.positions = positions
        self.rotation = rotation

    def place_job(self, values: F64, cancel: CancelToken | None) -> Job[F32]:
        if self.rotation is not None:
            values = self.rotation.project(values)
        return (yield from place_job(values, self.landmarks, self.positions, cancel=cancel))


_Fitted = _FittedComponents | _FittedLandmarks


def _axes_message(components: PrincipalComponents) -> tuple[str, ...]:
    rank, asked = components.rank, len(components.variance)
    if rank >= asked:
        return ()
    return (
        f"The features vary along {rank} {'axis' if rank == 1 else 'axes'} only: "
        f"the other {asked - rank} of the {asked} are 0.",
    )
