"""The recipe that every result carries. No Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...batch.model_recipe import ModelReference
from ...batch.unet_recipe import UNetDescription, UNetJobParameters
from ..source_file import FileOfLayer

if TYPE_CHECKING:
    from ...unet.inference.prediction_outputs import Output
    from ...unet.trained import TrainedUNet
    from .panels.predict_panel import PredictWish


def describe(
    model: TrainedUNet,
    image: FileOfLayer | None,
    wish: PredictWish,
    saved: ModelReference | None = None,
    **details: Any,
) -> UNetDescription:
    """Say what made a result; it is a whole UNetRecipe where the network is in a file.

    Parameters
    ----------
    model
        The network.
    image
        What it is made from; None where there is no image yet.
    wish
        What is made of it, and how.
    saved
        The network's file, if there is one.
    **details
        What else is worth knowing, in JSON's types.
    """
    outputs: Sequence[Output] = wish.outputs or ("instances" if model.heads.objects else "labels",)
    made = UNetDescription(
        parameters=UNetJobParameters(
            outputs=tuple(outputs),
            augment=wish.augment,
            uncertainty=wish.uncertainty,
            decoder=wish.decoder,
            axes=image.axes if image is not None and image.axes_chosen else None,
        ),
        inputs=(image.path,) if image is not None and image.path else (),
        details={**_of_image(image), **_of_network(model), **details},
    )
    return made if saved is None else made.with_model(saved)


def explanation(
    model: TrainedUNet, image: FileOfLayer, class_id: int, method: str, saved: ModelReference | None = None
) -> dict[str, Any]:
    """Say what made an explanation. `segmotif run` does not repeat it."""
    made = {
        "tool": "unet",
        "explanation": {"class": class_id, "name": model.class_names.get(class_id), "method": method},
        "details": {**_of_image(image), **_of_network(model)},
    }
    return made if saved is None else made | {"model": saved.model_dump()}


def _of_image(image: FileOfLayer | None) -> dict[str, Any]:
    if image is None:
        return {}
    spacing = None if image.spacing is None else list(image.spacing)
    return {"image": {"name": image.name, "axes": image.axes, "spacing": spacing}}


def _of_network(model: TrainedUNet) -> dict[str, Any]:
    return {
        "network": model.parameters.model_dump(mode="json", exclude_defaults=True),
        "classes": {str(label): model.class_names[label] for label in model.heads.classes},
        "decoder": model.decoder.model_dump(mode="json"),
    }
