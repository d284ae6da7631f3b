"""What a trained UNetSegmenter does with images: classes, probabilities, objects, doubt, explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.progress import CancelToken, Job, run_job
from .inference.explanation import explain_iter
from .inference.inputs import source_for
from .inference.prediction import UNetPrediction, predict_iter
from .learned import Learned
from .objects.decoding import Decoder
from .parameters import UNetParameters


class Predicting(Learned):
    """The methods of a UNetSegmenter that use what it has learned."""

    parameters: UNetParameters

    def predict_iter(
        self,
        image: Any,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        outputs: Sequence[str] = ("labels",),
        region: Sequence[slice] | None = None,
        out: Mapping[str, Any] | None = None,
        augment: bool = False,
        uncertainty: str = "flips",
        n_samples: int = 8,
        decoder: Decoder | None = None,
        cancel: CancelToken | None = None,
    ) -> Job[UNetPrediction]:
        """Predict an image of any size, as a job; see `unet.inference.prediction.predict_iter`."""
        model = self.model_
        source = source_for(model, image, axes, spacing)
        return (
            yield from predict_iter(
                model,
                source,
                outputs=outputs,  # type: ignore[arg-type]
                region=region,
                out=out,
                augment=augment,
                uncertainty=uncertainty,  # type: ignore[arg-type]
                n_samples=n_samples,
                decoder=decoder,
                cancel=cancel,
                device=self.parameters.device,
            )
        )

    def predict(
        self, image: Any, axes: str | None = None, spacing: Sequence[float] | None = None, **options: Any
    ) -> NDArray[Any]:
        """Class of every pixel, as painted, (*axes without C)."""
        labels: NDArray[Any] = self._predict("labels", image, axes, spacing, options)
        return labels

    def predict_proba(
        self, image: Any, axes: str | None = None, spacing: Sequence[float] | None = None, **options: Any
    ) -> NDArray[np.float32]:
        """Probability of each class, (K, *axes without C) float32."""
        probabilities: NDArray[np.float32] = self._predict("probabilities", image, axes, spacing, options)
        return probabilities

    def predict_instances(
        self, image: Any, axes: str | None = None, spacing: Sequence[float] | None = None, **options: Any
    ) -> NDArray[np.int32]:
        """Objects, numbered from 1 on 0, (*axes without C) int32."""
        instances: NDArray[np.int32] = self._predict("instances", image, axes, spacing, options)
        return instances

    def predict_uncertainty(
        self,
        image: Any,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        method: str = "flips",
        **options: Any,
    ) -> NDArray[np.float32]:
        """How unsure the network is of every pixel, in [0, 1]; by "flips" or by "dropout"."""
        options = {**options, "uncertainty": method}
        uncertainty: NDArray[np.float32] = self._predict("uncertainty", image, axes, spacing, options)
        return uncertainty

    def _predict(
        self,
        output: str,
        image: Any,
        axes: str | None,
        spacing: Sequence[float] | None,
        options: Mapping[str, Any],
    ) -> Any:
        job = self.predict_iter(image, axes, spacing, outputs=(output,), **options)
        return getattr(run_job(job), output)

    def explain_job(
        self,
        image: Any,
        class_id: int,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        frame: int = 0,
        region: Sequence[slice] | None = None,
        method: str = "gradcam",
        cancel: CancelToken | None = None,
    ) -> Job[NDArray[np.float32]]:
        """Which pixels speak for a class, in [0, 1]; see `unet.inference.explanation.explain_iter`."""
        model = self.model_
        source = source_for(model, image, axes, spacing)
        return (
            yield from explain_iter(
                model,
                source,
                class_id,
                frame=frame,
                region=None if region is None else tuple(region),
                method=method,  # type: ignore[arg-type]
                cancel=cancel,
            )
        )
