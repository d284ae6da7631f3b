"""The same work as a Python script. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..source_file import FileOfLayer


def as_python(
    images: Sequence[FileOfLayer],
    annotations: Sequence[FileOfLayer],
    parameters: Mapping[str, Any],
    names: Mapping[int, str],
    colors: Mapping[int, str],
) -> str:
    """Write a script that trains on these files, validates, predicts the first one and writes the labels.

    Parameters
    ----------
    images, annotations
        Pairs; a layer that is in no file becomes a placeholder, said in a comment.
    parameters
        Keyword arguments of PixelClassifier; `features` holds those of PixelFeatures.
    names, colors
        By label.
    """
    arguments = ",\n".join(f"    {key}={value!r}" for key, value in parameters["features"].items())
    features = f"PixelFeatures(\n{arguments},\n)" if arguments else "PixelFeatures()"
    others = "".join(f", {key}={value!r}" for key, value in parameters.items() if key != "features")
    lines = [
        "from napari_segmotif import PixelClassifier, PixelFeatures",
        "from napari_segmotif.common.image_io import open_image, write_image",
        "",
    ]
    lines += _paths("image", images) + _paths("annotation", annotations)
    first = images[0]
    lines += [
        "",
        f"features = {features}",
        f"classifier = PixelClassifier(features{others})",
        "images = [open_image(path) for path in image_paths]",
        "annotations = [open_image(path).array[:] for path in annotation_paths]",
        "classifier.fit(",
        "    [image.array for image in images],",
        "    annotations,",
        f"    axes={first.axes!r},",
        f"    spacing={first.spacing!r},",
        f"    class_names={dict(names)!r},",
        f"    class_colors={dict(colors)!r},",
        ")",
        "print(classifier.validate().summary())",
        f"labels = classifier.predict(images[0].array, axes={first.axes!r}, spacing={first.spacing!r})",
        f"write_image('segmentation.tif', labels, axes={first.axes.replace('C', '')!r}, "
        f"spacing={first.spacing!r}, labels=True)",
        "classifier.save('classifier.segmotif')",
    ]
    return "\n".join(lines) + "\n"


def _paths(kind: str, files: Sequence[FileOfLayer]) -> list[str]:
    lines = [f"{kind}_paths = ["]
    for file in files:
        note = (
            "" if file.path else f"  # layer {file.name!r} is in no file yet: save it, and put its path here"
        )
        lines.append(f"    {file.path or f'{kind}.tif'!r},{note}")
    return [*lines, "]"]
