"""The same work as a Python script. No Qt in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..source_file import FileOfLayer

if TYPE_CHECKING:
    from ...unet.objects.decoding import Decoder
    from ...unet.trained import TrainedUNet

_METHODS = {
    "instances": "predict_instances",
    "labels": "predict",
    "probabilities": "predict_proba",
    "uncertainty": "predict_uncertainty",
}


@dataclass(frozen=True)
class TrainedOn:
    """Where the images and labels of a training are: pairs, in their order."""

    images: tuple[FileOfLayer, ...]
    labels: tuple[FileOfLayer, ...]


def as_python(
    model: TrainedUNet,
    trained_on: TrainedOn | None,
    saved: str | None,
    image: FileOfLayer | None,
    outputs: Sequence[str],
    *,
    augment: bool = False,
    uncertainty: str = "flips",
    decoder: Decoder | None = None,
) -> str:
    """Write a script that trains, or loads, the network, predicts an image and writes the results.

    Parameters
    ----------
    model
        The network.
    trained_on
        What it was trained on here; None for a network out of a file, which the script loads.
    saved
        The network's file, or None.
    image
        What to predict; None: the first training image.
    outputs
        What is written.
    augment
        Whether the mean over mirrored images is taken.
    uncertainty
        What uncertainty is made of.
    decoder
        How objects are made, where not as the network's validation chose it.
    """
    image = image or (trained_on.images[0] if trained_on is not None else None)
    lines = [
        "from napari_segmotif import UNetSegmenter",
        "from napari_segmotif.common.image_io import open_image, write_image",
        "",
    ]
    lines += _training(model, trained_on) if trained_on is not None else _loading(saved)
    changed = decoder if "instances" in outputs else None
    if changed is not None:
        lines.insert(0, "from napari_segmotif.unet.objects.decoding import Decoder")
        lines += [f"decoder = Decoder({', '.join(f'{name}={value!r}' for name, value in changed)})"]
    use = _predicting(model, image, outputs, augment, uncertainty, changed is not None)
    return "\n".join([*lines, *use]) + "\n"


def _training(model: TrainedUNet, trained_on: TrainedOn) -> list[str]:
    lines = _paths("image", trained_on.images) + _paths("label", trained_on.labels)
    parameters = model.parameters.model_dump(exclude_defaults=True)
    arguments = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    fit = [
        "[image.array for image in images]",
        "labels",
        f"annotation={model.annotation!r}",
        f"axes={model.axes!r}",
        f"spacing={model.spacing!r}",
    ]
    if model.annotation != "instances":
        fit += [f"class_names={dict(model.class_names)!r}", f"class_colors={dict(model.class_colors)!r}"]
    return [
        *lines,
        "",
        "images = [open_image(path) for path in image_paths]",
        "labels = [open_image(path).array[:] for path in label_paths]",
        f"unet = UNetSegmenter({arguments})",
        "unet.fit(",
        *(f"    {argument}," for argument in fit),
        ")",
        "if unet.validation_ is not None:",
        "    print(unet.validation_.to_text(unet.class_names_))",
        "unet.save('unet.segmotif')",
        "",
    ]


def _loading(saved: str | None) -> list[str]:
    note = "" if saved else "  # the network is in no file yet: save it, and put its path here"
    return [f"unet = UNetSegmenter.load({saved or 'unet.segmotif'!r}){note}", ""]


def _predicting(
    model: TrainedUNet,
    image: FileOfLayer | None,
    outputs: Sequence[str],
    augment: bool,
    uncertainty: str,
    decoder: bool,
) -> list[str]:
    axes, spacing = (model.axes, model.spacing) if image is None else (image.axes, image.spacing)
    path: Any = None if image is None else image.path
    lines = [f"image = open_image({path or 'image.tif'!r}){'' if path else _note(image)}"]
    given = f"image.array, axes={axes!r}, spacing={spacing!r}" + (", augment=True" if augment else "")
    for output in outputs:
        method = _METHODS[output]
        way = ", method='dropout'" if (output, uncertainty) == ("uncertainty", "dropout") else ""
        way += ", decoder=decoder" if decoder and output == "instances" else ""
        lines.append(f"{output} = unet.{method}({given}{way})")
        written = ("C" if output == "probabilities" else "") + axes.replace("C", "")
        labels = ", labels=True" if output in ("instances", "labels") else ""
        lines.append(
            f"write_image('{output}.ome.tif', {output}, axes={written!r}, spacing={spacing!r}{labels})"
        )
    return lines


def _paths(kind: str, files: Sequence[FileOfLayer]) -> list[str]:
    lines = [f"{kind}_paths = ["]
    lines += [f"    {file.path or f'{kind}.tif'!r},{'' if file.path else _note(file)}" for file in files]
    return [*lines, "]"]


def _note(file: FileOfLayer | None) -> str:
    if file is None:
        return "  # put the path of an image here"
    return f"  # layer {file.name!r} is in no file yet: save it, and put its path here"
