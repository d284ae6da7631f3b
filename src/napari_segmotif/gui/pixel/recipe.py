"""The recipe that every result carries. No Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...batch.recipe import (
    BatchOutput,
    Description,
    ModelReference,
    ObjectParameters,
    PixelParameters,
    Recipe,
)
from ...pixel.classifier import PixelClassifier
from ..source_file import FileOfLayer
from .session import Session


def describe(
    session: Session,
    version: int,
    image: FileOfLayer,
    outputs: Sequence[BatchOutput],
    objects: ObjectParameters | None = None,
    **details: Any,
) -> Description:
    """Say what makes a result; it is a whole Recipe where the classifier is in a file.

    Parameters
    ----------
    session
        Knows the classifier.
    version
        Which one made the result: a first, quick look comes before its classifier is there.
    image
        What it is made from.
    outputs, objects
        What is made of it.
    **details
        What else is worth knowing.
    """
    if version == session.version and session.fitted:
        details |= _of_classifier(session.require())
    spacing = None if image.spacing is None else list(image.spacing)
    made = Description(
        parameters=PixelParameters(
            outputs=tuple(outputs), objects=objects, axes=image.axes if image.axes_chosen else None
        ),
        inputs=(image.path,) if image.path else (),
        details={"image": {"name": image.name, "axes": image.axes, "spacing": spacing}, **details},
    )
    model = session.model_of(version)
    return made if model is None else made.with_model(model)


def recipe_of(
    session: Session, model: ModelReference, image: FileOfLayer | None, outputs: Sequence[BatchOutput]
) -> Recipe:
    """Return what `segmotif run` needs to do the same to files.

    That is these outputs, and the objects where some were made with the classifier as it is now.
    """
    objects = session.objects
    wanted = outputs if objects is None else (*outputs, "objects")
    if image is None:
        return Recipe(parameters=PixelParameters(outputs=tuple(wanted), objects=objects), model=model)
    return describe(session, session.version, image, wanted, objects).with_model(model)


def _of_classifier(classifier: PixelClassifier) -> dict[str, Any]:
    names = classifier.class_names_
    return {
        "features": classifier.features.model_dump(mode="json", exclude_none=True),
        "forest": classifier.parameters.model_dump(mode="json"),
        "classes": {str(label): names[int(label)] for label in classifier.classes_},
    }
