"""What was done, as every result carries it and `segmotif run` repeats it. No Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...batch.model_recipe import ModelReference
from ...batch.object_recipe import ObjectDescription, ObjectJobParameters
from ...explore.measuring.properties import DEFAULT_GROUPS
from .script import Work

if TYPE_CHECKING:
    from ...explore.classifying.object_classifier import ObjectClassifier


def describe(work: Work) -> ObjectDescription:
    """Describe the work; it is a whole recipe with the classifier, where that is in a file.

    Maps and clusters stand in the details: `segmotif run` measures, and tells classes.
    """
    first = work.files[0] if work.files else None
    made = ObjectDescription(
        parameters=ObjectJobParameters(
            properties=work.properties or DEFAULT_GROUPS,
            axes=(first.axes if first else work.axes) or None,
            channel_names=tuple(channel.name for channel in first.channels) if first else (),
            spacing=first.spacing if first else None,
            unit=first.unit if first else None,
        ),
        inputs=tuple(one.path for one in work.files if one.path),
        details={
            "images": [{"name": one.name, "channels": [c.name for c in one.channels]} for one in work.files],
            "maps": {method: dict(settings) for method, settings in work.maps.items()},
            "pruning": dict(work.pruning),
            "clustering": dict(work.clustering),
        },
    )
    return made if work.saved is None else made.with_model(ModelReference.of(work.saved))


def as_recipe(work: Work) -> dict[str, Any]:
    """Describe the work in JSON's types."""
    return describe(work).as_json()


def describe_applied(
    classifier: ObjectClassifier, properties: Sequence[str], image: str, saved: Path | None
) -> dict[str, Any]:
    """Say what told the classes of another image."""
    classes = {str(class_id): name for class_id, name in classifier.class_names_.items()}
    made = ObjectDescription(
        parameters=ObjectJobParameters(
            properties=tuple(properties) or DEFAULT_GROUPS,
            channel_names=() if classifier.info_ is None else classifier.info_.channels,
        ),
        details={"image": image, "classes": classes},
    )
    return (made if saved is None else made.with_model(ModelReference.of(saved))).as_json()
