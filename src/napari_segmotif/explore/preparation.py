"""Features made comparable: missing values filled, skewed ones on a log scale, all in the same range.

Areas in µm² and brightnesses in thousands cannot be compared as they are: every distance would be about the
feature with the largest numbers. What was learned from one table (medians, scales) is applied unchanged to
others, so that objects of a new image come where they would have been in the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from ..errors import InputError, NotFittedError
from .tables import checked_table, chosen_columns

F64 = NDArray[np.float64]
Scale = Literal["robust", "standard", "none"]
Missing = Literal["median", "drop"]

_SKEWED = 0.25  # a lognormal of σ ≈ 0.31; an exponential distribution has 0.56
_IQR_OF_NORMAL = 1.3489795  # quartile distance of a normal distribution, in standard deviations
_FARTHEST = 10.0
_ROUNDING = 1e-12
_SMALLEST = 1e-140  # its square is still a number
_SHARE_WORTH_SAYING = 0.2
_LEARNED = ("log", "offset", "lowest", "fill", "centre", "spread")


def feature_matrix(table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None = None) -> F64:
    """Values of some columns as they are, with NaN for all that is missing or infinite.

    Parameters
    ----------
    table
        Objects, or an array (n, n_features).
    columns
        Names of F columns; None: all features.

    Returns
    -------
    values
        (n, F) float64, a copy; its columns are contiguous in memory.

    Raises
    ------
    InputError
        If the table cannot be used, or a column is not there or holds no numbers.
    """
    table = checked_table(table)
    names = chosen_columns(table, columns)
    values = np.empty((len(table), len(names)), order="F")
    for j, name in enumerate(names):
        values[:, j] = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    values[~np.isfinite(values)] = np.nan
    return values


class PreparedParameters(BaseModel):
    """What clusterings and embeddings ask of the preparation of their features."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scale: Scale = Field(
        default="robust",
        title="Scale",
        description="'robust': by median and quartiles; 'standard': by mean and standard deviation.",
    )
    log_skewed: bool = Field(
        default=True, title="Log of skewed", description="Take the logarithm of features with a long tail."
    )


class Preparation:
    """Makes the features of objects comparable.

    A value x of a feature becomes (log(x + offset) or x, minus the median) / spread. Robustly, the spread is
    the distance of the quartiles in units of a normal distribution's standard deviations (the standard
    deviation itself where half of the objects share one value), and what lies farther than 10 spreads away
    is put there, so that one broken object does not outweigh all others.

    Parameters
    ----------
    scale
        "robust": median and quartiles; "standard": mean and standard deviation; "none": as measured.
    log_skewed
        Take the logarithm of features that are never negative, have a long tail, and have less of one then.
        Never with `scale="none"`.
    missing
        "median": an object that lacks a feature gets the median; "drop": features that any object lacks are
        left out.

    Attributes
    ----------
    columns_
        Names of the F features that are used, in the order asked for.
    logged_
        Those of which the logarithm is taken.
    dropped_
        Feature → why it is left out, in words.
    messages_
        What the user should know.

    Raises
    ------
    InputError
        If a parameter is none of its choices.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"area": [1.0, 2.0, 3.0], "holes": [0, 0, 0]})
    >>> preparation = Preparation().fit(table)
    >>> preparation.columns_, preparation.dropped_
    (('area',), {'holes': 'is the same for all objects'})
    >>> preparation.transform(table).ravel().round(2).tolist()
    [-1.35, 0.0, 1.35]
    """

    columns_: tuple[str, ...]
    logged_: tuple[str, ...]
    dropped_: dict[str, str]
    messages_: tuple[str, ...]
    n_objects_: int

    def __init__(
        self, scale: Scale = "robust", *, log_skewed: bool = True, missing: Missing = "median"
    ) -> None:
        if scale not in ("robust", "standard", "none"):
            raise InputError(f'scale must be "robust", "standard" or "none" (got {scale!r})')
        if missing not in ("median", "drop"):
            raise InputError(f'missing must be "median" or "drop" (got {missing!r})')
        self.scale: Scale = scale
        self.log_skewed = bool(log_skewed)
        self.missing: Missing = missing
        self._learned: dict[str, F64] = {}

    def fit(self, table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None = None) -> Self:
        """Learn medians, spreads, and which features are skewed.

        Parameters
        ----------
        table
            Objects, or an array (n, n_features); n ≥ 1.
        columns
            Names of the features; None: all of the table's.

        Raises
        ------
        InputError
            If the table cannot be used, or no feature varies between its objects.
        """
        self._fit(table, columns)
        return self

    def transform(self, table: pd.DataFrame | ArrayLike) -> F64:
        """Prepared features, (n, F) float64, finite, with no unit (unless `scale="none"`).

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            If the table lacks one of `columns_`.
        """
        if not hasattr(self, "columns_"):
            raise NotFittedError("fit the preparation to a table first (got one that is not fitted)")
        table = checked_table(table)
        if lacking := [name for name in self.columns_ if name not in table.columns]:
            raise InputError(
                f"measure the features that were used before: the table lacks {', '.join(lacking[:6])}"
                f"{' and more' if len(lacking) > 6 else ''} (got {len(table.columns)} columns)"
            )
        return self._prepared(feature_matrix(table, self.columns_))

    def fit_transform(self, table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None = None) -> F64:
        """`fit` and `transform` of the same table, in one pass: (n, F) float64."""
        values, kept = self._fit(table, columns)
        return self._prepared(values if kept.all() else values[:, kept])

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain lists, numbers and words, as JSON can hold them."""
        state: dict[str, Any] = {
            "scale": self.scale,
            "log_skewed": self.log_skewed,
            "missing": self.missing,
        }
        if hasattr(self, "columns_"):
            state |= {
                "columns": list(self.columns_),
                "dropped": dict(self.dropped_),
                "messages": list(self.messages_),
                "n_objects": self.n_objects_,
                **{name: self._learned[name].tolist() for name in _LEARNED},
            }
        return state

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """The preparation that `to_dict` described, which transforms to the same bits.

        Raises
        ------
        InputError
            If something is missing, or does not fit together.
        """
        try:
            made = cls(state["scale"], log_skewed=state["log_skewed"], missing=state["missing"])
            if "columns" not in state:
                return made
            columns = tuple(str(name) for name in state["columns"])
            learned = {name: np.array(state[name], dtype=np.float64) for name in _LEARNED}
            made.dropped_ = {str(name): str(why) for name, why in dict(state["dropped"]).items()}
            made.messages_ = tuple(str(message) for message in state["messages"])
            made.n_objects_ = int(state["n_objects"])
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"this does not describe a preparation of features (got {error!r})") from error
        for name, values in learned.items():
            if values.shape != (len(columns),) or not np.isfinite(values).all():
                raise InputError(
                    f"a preparation needs a finite number per feature for {name!r} "
                    f"(got shape {values.shape} for {len(columns)} features)"
                )
        made._take(columns, learned)
        return made

    def _take(self, columns: tuple[str, ...], learned: dict[str, F64]) -> None:
        self.columns_, self._learned = columns, learned
        self.logged_ = tuple(name for name, logged in zip(columns, learned["log"], strict=True) if logged)

    def _fit(
        self, table: pd.DataFrame | ArrayLike, columns: Sequence[str] | None
    ) -> tuple[F64, NDArray[np.bool_]]:
        """Learn, and return the values as measured with a mask of the columns that are used."""
        table = checked_table(table)
        names = chosen_columns(table, columns)
        values = feature_matrix(table, names)
        dropped: dict[str, str] = {}
        learned: list[tuple[float, ...]] = []
        lacking: dict[str, int] = {}
        for name, column in zip(names, values.T, strict=True):
            present = column[~np.isnan(column)]
            if reason := self._why_not(present, len(column)):
                dropped[name] = reason
                continue
            learned.append(self._learn(present))
            if len(present) < len(column):
                lacking[name] = len(column) - len(present)
        if not learned:
            raise InputError(
                "choose features that differ between the objects: each one is missing or the same for all "
                f"(got {len(table)} {'object' if len(table) == 1 else 'objects'} "
                f"and {len(names)} {'feature' if len(names) == 1 else 'features'})"
            )
        kept = np.array([name not in dropped for name in names])
        self.dropped_ = dropped
        self.n_objects_ = len(table)
        self._take(
            tuple(name for name in names if name not in dropped),
            dict(zip(_LEARNED, np.array(learned).T.copy(), strict=True)),
        )
        self.messages_ = self._messages(lacking)
        return values, kept

    def _why_not(self, present: F64, n: int) -> str:
        if not len(present):
            return "is missing for all objects"
        if self.missing == "drop" and len(present) < n:
            return f"is missing for {n - len(present)} of {n} objects"
        low, high = present.min(), present.max()
        # Not == : the same number summed in another order differs in its last digits.
        if high - low <= max(_ROUNDING * max(abs(low), abs(high)), _SMALLEST):
            return "is the same for all objects"
        return ""

    def _learn(self, present: F64) -> tuple[float, ...]:
        """One feature's numbers in the order of _LEARNED; the last three on the scale of its logarithm."""
        offset, lowest, log = 0.0, 0.0, False
        if self.log_skewed and self.scale != "none" and present.min() >= 0:
            quantiles = np.percentile(present, (5, 50, 95))
            offset = _log_offset(present)
            skewness = _skewness(quantiles)
            log = skewness > _SKEWED and abs(_skewness(np.log(quantiles + offset))) < skewness
        if log:
            lowest = float(present.min() + offset) / 2
            present = np.log(present + offset)
        low, median, high = np.percentile(present, (25, 50, 75))
        centre, spread = 0.0, 1.0
        if self.scale == "robust":
            centre, spread = median, (high - low) / _IQR_OF_NORMAL
            if high - low <= _ROUNDING * max(abs(low), abs(high)):
                spread = present.std()
        elif self.scale == "standard":
            centre, spread = present.mean(), present.std()
        return float(log), offset, lowest, float(median), float(centre), float(spread)

    def _prepared(self, values: F64) -> F64:
        """Scale values (n, F), which are overwritten, and return them row by row in memory."""
        parts = [self._learned[name] for name in _LEARNED]
        for column, log, offset, lowest, fill, centre, spread in zip(values.T, *parts, strict=True):
            if log:
                # A later image may hold zeros, or less, where the first had none: the lowest stands for them.
                np.log(np.maximum(column + offset, lowest), out=column)
            column[np.isnan(column)] = fill
            column -= centre
            column /= spread
            if self.scale == "robust":
                np.clip(column, -_FARTHEST, _FARTHEST, out=column)
        return np.ascontiguousarray(values)

    def _messages(self, lacking: dict[str, int]) -> tuple[str, ...]:
        messages = []
        for reason in dict.fromkeys(self.dropped_.values()):
            names = [name for name, why in self.dropped_.items() if why == reason]
            messages.append(f"Left out, {reason}: {_listed(names)}.")
        often = [name for name, count in lacking.items() if count > _SHARE_WORTH_SAYING * self.n_objects_]
        if lacking:
            most = max(lacking.values()) / self.n_objects_
            messages.append(
                f"{len(lacking)} {'feature has' if len(lacking) == 1 else 'features have'} missing values, "
                f"filled with the median (up to {most:.0%} of the objects"
                + (f"; mind {_listed(often)})." if often else ").")
            )
        return tuple(messages)


def _log_offset(present: F64) -> float:
    """What is added before the logarithm: nothing, or where there are zeros, half of the smallest part."""
    if present.min() > 0:
        return 0.0
    positive = present[present > 0]
    return float(np.percentile(positive, 5) / 2)


def _skewness(quantiles: F64) -> float:
    """How much farther the 95 % quantile is from the median than the 5 % one, in [−1, 1]; 0 if symmetric.

    Unlike the third moment, it is not about one broken object.
    """
    low, median, high = quantiles
    return float((high - median - (median - low)) / (high - low)) if high > low else 0.0


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
