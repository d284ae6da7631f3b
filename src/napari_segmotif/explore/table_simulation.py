"""Simulated object tables with their ground truth: clouds without clusters, blobs, and planted features.

They serve in tests and benchmarks: a table of which is known how many clusters it has, or which features
separate its two groups. Every table has the identity columns of an object table, positions that say nothing
about the features, and then `feature_001`, `feature_002`, …; everything follows from `random_state`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
CloudShape = Literal["gaussian", "correlated", "uniform", "heavy", "skewed", "curved"]
IMAGE_SIZE = 2048.0  # in pixels: where simulated objects lie


@dataclass(frozen=True)
class PlantedTruth:
    """What separates the two groups of a table from `simulate_planted`.

    Attributes
    ----------
    group
        (n,) bool: True for objects of the group.
    planted
        Columns whose mean differs between the groups.
    duplicates
        For each planted column, the noisy copies of it in the table.
    decoys
        Columns that are correlated among themselves, as duplicates are, and say nothing about the group.
    """

    group: NDArray[np.bool_]
    planted: tuple[str, ...]
    duplicates: dict[str, tuple[str, ...]]
    decoys: tuple[tuple[str, ...], ...]


def simulate_blobs(
    n_objects: int = 600,
    n_features: int = 10,
    n_clusters: int = 6,
    *,
    separation: float = 8.0,
    shares: Sequence[float] | None = None,
    n_images: int = 1,
    random_state: int = 0,
) -> tuple[pd.DataFrame, Ints]:
    """Simulate round clusters of objects.

    Parameters
    ----------
    n_objects, n_features, n_clusters
        Size of the table, and how many clusters are in it.
    separation
        Distance between the two closest centres, in standard deviations of a cluster along one axis.
    shares
        Relative size of each cluster; equal where it is None.
    n_images
        Over how many images (`roi_id`) the objects are spread.
    random_state
        Seed of everything random.

    Returns
    -------
    table : DataFrame
        (n_objects,) rows in random order.
    truth : ndarray
        (n_objects,) int64, cluster 1..n_clusters of each row.

    Raises
    ------
    InputError
        For fewer objects than clusters, or shares that do not fit the clusters.
    """
    if not 1 <= n_clusters <= n_objects:
        raise InputError(f"there must be at least one object a cluster (got {n_clusters} for {n_objects})")
    if shares is not None and (len(shares) != n_clusters or min(shares) <= 0):
        raise InputError(f"shares must be one positive number a cluster (got {shares!r})")
    rng = np.random.default_rng(random_state)
    weights = np.ones(n_clusters) if shares is None else np.asarray(shares, np.float64)
    edges = np.cumsum(weights) / weights.sum() * (n_objects - n_clusters)
    sizes = np.diff(np.round(edges).astype(np.int64), prepend=0) + 1  # no cluster is empty
    truth = rng.permutation(np.repeat(np.arange(1, n_clusters + 1), sizes))
    centres = _spread(rng.standard_normal((n_clusters, n_features)), separation)
    values = centres[truth - 1] + rng.standard_normal((n_objects, n_features))
    return _table(values, rng, n_images), truth


def simulate_gaussian(
    n_objects: int = 3000, n_features: int = 50, random_state: int = 0, *, shape: CloudShape = "gaussian"
) -> tuple[pd.DataFrame, Ints]:
    """Simulate one cloud of objects, in which there are no clusters.

    Parameters
    ----------
    n_objects, n_features
        Size of the table.
    random_state
        Seed of everything random.
    shape
        "gaussian", all features independent; "correlated", Gaussian with a few strong directions;
        "uniform"; "heavy", a t distribution of 4 degrees of freedom; "skewed", log-normal as areas and
        intensities are; "curved", a bent sheet with noise.

    Returns
    -------
    table : DataFrame
        (n_objects,) rows.
    truth : ndarray
        (n_objects,) int64, all 1.
    """
    rng = np.random.default_rng(random_state)
    values = _cloud(shape, n_objects, n_features, rng)
    return _table(values, rng, 1), np.ones(n_objects, np.int64)


def simulate_planted(
    n_objects: int = 600,
    n_features: int = 30,
    n_planted: int = 4,
    n_duplicates: int = 3,
    *,
    effect: float = 1.0,
    share: float = 0.4,
    correlation: float = 0.95,
    n_images: int = 1,
    random_state: int = 0,
) -> tuple[pd.DataFrame, PlantedTruth]:
    """Simulate two groups that differ in a few features, each of which has noisy copies in the table.

    Features that say nothing come in correlated sets as well, so that being one of many is no hint.

    Parameters
    ----------
    n_objects, n_features
        Size of the table.
    n_planted
        How many independent features differ between the groups.
    n_duplicates
        How many noisy copies of each there are beside it.
    effect
        Difference of the group means, in standard deviations within a group, for every planted feature.
    share
        Share of the objects in the group.
    correlation
        Correlation of a copy with its original, within a group.
    n_images
        Over how many images (`roi_id`) the objects are spread.
    random_state
        Seed of everything random.

    Returns
    -------
    table : DataFrame
        (n_objects,) rows; its feature columns are in random order.
    truth : PlantedTruth
        Who is in the group, and which columns say so.

    Raises
    ------
    InputError
        When the planted features and their copies do not fit into `n_features`.
    """
    family = 1 + n_duplicates
    if not 1 <= n_planted * family <= n_features:
        raise InputError(
            f"n_planted × (1 + n_duplicates) must be 1..{n_features} features (got {n_planted * family})"
        )
    rng = np.random.default_rng(random_state)
    group = rng.permutation(n_objects) < round(share * n_objects)
    n_families = -(-n_features // family)
    sources = rng.standard_normal((n_objects, n_families))
    noise = rng.standard_normal((n_objects, n_families, family))
    noise[:, :, 0] = sources  # the original
    values = correlation * sources[:, :, None] + np.sqrt(1 - correlation**2) * noise
    values[:, :, 0] = sources
    values[:, :n_planted] += effect * group[:, None, None]
    order = rng.permutation(n_features)
    table = _table(values.reshape(n_objects, -1)[:, :n_features][:, order], rng, n_images)
    names = [name for name in table.columns if name.startswith("feature_")]
    name_of = dict(zip(order.tolist(), names, strict=True))
    families = [
        tuple(name_of[f] for f in range(i * family, min((i + 1) * family, n_features)))
        for i in range(n_families)
    ]
    return table, PlantedTruth(
        group,
        tuple(members[0] for members in families[:n_planted]),
        {members[0]: members[1:] for members in families[:n_planted]},
        tuple(families[n_planted:]),
    )


def _spread(centres: Array, separation: float) -> Array:
    """The centres (k, F), scaled so that the two closest are `separation` apart."""
    if len(centres) == 1:
        return np.zeros_like(centres)
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    closest = gaps[~np.eye(len(centres), dtype=bool)].min()
    scaled: Array = centres * (separation / closest)
    return scaled


def _cloud(shape: CloudShape, n: int, n_features: int, rng: np.random.Generator) -> Array:
    normal = rng.standard_normal((n, n_features))
    if shape == "gaussian":
        return normal
    if shape == "correlated":
        n_factors = max(1, n_features // 10)
        mixing = rng.standard_normal((n_factors, n_features))
        return rng.standard_normal((n, n_factors)) @ mixing + 0.5 * normal
    if shape == "uniform":
        return rng.uniform(0, 1, (n, n_features))
    if shape == "heavy":
        return normal / np.sqrt(rng.chisquare(4, (n, 1)) / 4)
    if shape == "skewed":
        return np.exp(0.7 * normal)
    if shape == "curved":
        along = rng.uniform(-1, 1, (n, 2))
        terms = np.column_stack([along, along**2, along[:, :1] * along[:, 1:]])
        return terms @ rng.standard_normal((terms.shape[1], n_features)) + 0.3 * normal
    raise InputError(f"shape must be gaussian, correlated, uniform, heavy, skewed or curved (got {shape!r})")


def _table(values: Array, rng: np.random.Generator, n_images: int) -> pd.DataFrame:
    """An object table of these features (n, F), its objects dealt out to the images."""
    n, n_features = values.shape
    image = np.arange(n) % n_images
    label = np.arange(n) // n_images + 1
    position = rng.uniform(0, IMAGE_SIZE, (n, 2))
    features = pd.DataFrame(values, columns=[f"feature_{f + 1:03d}" for f in range(n_features)])
    identity = pd.DataFrame(
        {
            "roi_id": [f"image {i + 1}" for i in image] if n_images > 1 else "",
            "frame": np.zeros(n, np.int64),
            "label": label,
            "index": label,
            "centroid-0": position[:, 0],
            "centroid-1": position[:, 1],
        }
    )
    return pd.concat([identity, features], axis=1)
