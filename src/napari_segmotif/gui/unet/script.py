"""The same work as a Python script. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ...unet.parameters import Annotation, UNetParameters
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


#: What a script imports where it is used.
_IMPORTS = {
    "ImageSource": "napari_segmotif.common.axes",
    "run_job": "napari_segmotif.common.progress",
    "Decoder": "napari_segmotif.unet.objects.decoding",
    "UNetParameters": "napari_segmotif.unet.parameters",
}


@dataclass(frozen=True)
class TrainedOn:
    """Where the images and labels of a training are, and what it began with.

    Attributes
    ----------
    images, labels
        Pairs, in their order. Images out of folders have no axes: their files say them.
    start
        The network that was gone on from; None: a new one.
    resumed
        Whether the training of `start` was gone on with, and not a training of its own begun.
    """

    images: tuple[FileOfLayer, ...]
    labels: tuple[FileOfLayer, ...]
    start: Network | None = None
    resumed: bool = False

    def without_file(self, path: str) -> TrainedOn:
        """Return the same where another network was written to `path`, over one that was gone on from."""
        start = self.start
        if start is None:
            return self
        earlier = None if start.trained_on is None else start.trained_on.without_file(path)
        saved = None if start.saved == path else start.saved
        return replace(self, start=replace(start, trained_on=earlier, saved=saved))


@dataclass(frozen=True)
class Network:
    """What a script needs to know of a network to make it again; its weights are not kept for that."""

    parameters: UNetParameters
    annotation: Annotation
    class_names: Mapping[int, str]
    class_colors: Mapping[int, str]
    trained_on: TrainedOn | None
    saved: str | None

    @classmethod
    def of(cls, model: TrainedUNet, trained_on: TrainedOn | None, saved: str | None) -> Self:
        """Describe a network, which was trained here or not, and is in a file or not."""
        return cls(
            model.parameters,
            model.annotation,
            dict(model.class_names),
            dict(model.class_colors),
            trained_on,
            saved,
        )


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
        What it was trained on here, and what it went on from; None for a network out of a file, which the
        script loads.
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
    lines = _loading(saved) if trained_on is None else _training(Network.of(model, trained_on, saved))
    if trained_on is not None:
        # Not over the file of the network that was gone on from: the script could not run twice.
        own = "unet.segmotif" if trained_on.start is None else "unet_further.segmotif"
        lines += [
            "if unet.validation_ is not None:",
            "    print(unet.validation_.to_text(unet.class_names_))",
            f"unet.save({own!r})",
            "",
        ]
    changed = decoder if "instances" in outputs else None
    if changed is not None:
        lines += [f"decoder = Decoder({', '.join(f'{name}={value!r}' for name, value in changed)})"]
    lines += _predicting(image, outputs, augment, uncertainty, changed is not None)
    return "\n".join([*_imports(lines), "", *lines]) + "\n"


def _imports(lines: Sequence[str]) -> list[str]:
    used = [name for name in _IMPORTS if any(f"{name}(" in line for line in lines)]
    return sorted(
        [
            "from napari_segmotif import UNetSegmenter",
            "from napari_segmotif.common.image_io import open_image, write_image",
            *(f"from {_IMPORTS[name]} import {name}" for name in used),
        ]
    )


def _training(network: Network) -> list[str]:
    """Lines that train a network as it was trained here: from the start, or from what it went on from."""
    trained_on = network.trained_on
    assert trained_on is not None  # else it is loaded
    arguments = ["images", "labels"]
    if not trained_on.resumed:
        arguments.append(f"annotation={network.annotation!r}")
    if network.annotation != "instances":
        arguments += [f"class_names={network.class_names!r}", f"class_colors={network.class_colors!r}"]
    given = [f"    {argument}," for argument in arguments]
    parameters = network.parameters.model_dump(exclude_defaults=True)
    settings = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    examples = [
        *_paths("image", trained_on.images),
        *_paths("label", trained_on.labels),
        "",
        *_images(trained_on.images),
        "labels = [open_image(path).array[:] for path in label_paths]",
    ]
    if trained_on.start is None:
        return [*examples, f"unet = UNetSegmenter({settings})", "unet.fit(", *given, ")"]
    start = [*_starting(trained_on.start), *examples]
    if trained_on.resumed:
        return [*start, "going_on = unet.resume_job(", *given, ")", "run_job(going_on)"]
    return [
        *start,
        f"unet.parameters = UNetParameters({settings})",
        "going_on = unet.fine_tune_job(",
        *given,
        ")",
        "run_job(going_on)",
    ]


def _starting(network: Network) -> list[str]:
    """Lines that bring back the network that a training went on from."""
    if network.saved is None and network.trained_on is not None:
        return [*_training(network), "", "# The network is trained further from here on."]
    note = "" if network.saved else "  # put the path of the network here that this goes on from"
    return [f"unet = UNetSegmenter.load({network.saved or 'unet.segmotif'!r}){note}", ""]


def _images(files: Sequence[FileOfLayer]) -> list[str]:
    """Lines that open the images as the layers were read, or, without layers, as their files say."""
    if not any(file.axes for file in files):
        return ["images = [open_image(path).source for path in image_paths]"]
    if len({(file.axes, file.spacing) for file in files}) == 1:
        read = f"ImageSource(open_image(path).array, {files[0].axes!r}, {files[0].spacing!r})"
        return [f"images = [{read} for path in image_paths]"]
    return [
        f"image_axes = {[file.axes for file in files]!r}",
        f"image_spacings = {[file.spacing for file in files]!r}",
        "images = [",
        "    ImageSource(open_image(path).array, axes, spacing)",
        "    for path, axes, spacing in zip(image_paths, image_axes, image_spacings, strict=True)",
        "]",
    ]


def _loading(saved: str | None) -> list[str]:
    note = "" if saved else "  # the network is in no file yet: save it, and put its path here"
    return [f"unet = UNetSegmenter.load({saved or 'unet.segmotif'!r}){note}", ""]


def _predicting(
    image: FileOfLayer | None,
    outputs: Sequence[str],
    augment: bool,
    uncertainty: str,
    decoder: bool,
) -> list[str]:
    path: Any = None if image is None else image.path
    lines = [f"image = open_image({path or 'image.tif'!r}){'' if path else _note(image)}"]
    if image is None or not image.axes:  # no layer says how to read it, so its file does
        given, axes, spacing = "image.source", "image.source.output_axes", "image.spacing"
        with_classes = f"'C' + {axes}"
    else:
        given = f"image.array, axes={image.axes!r}, spacing={image.spacing!r}"
        letters = image.axes.replace("C", "")
        axes, with_classes, spacing = repr(letters), repr(f"C{letters}"), repr(image.spacing)
    given += ", augment=True" if augment else ""
    for output in outputs:
        method = _METHODS[output]
        way = ", method='dropout'" if (output, uncertainty) == ("uncertainty", "dropout") else ""
        way += ", decoder=decoder" if decoder and output == "instances" else ""
        lines.append(f"{output} = unet.{method}({given}{way})")
        written = with_classes if output == "probabilities" else axes
        labels = ", labels=True" if output in ("instances", "labels") else ""
        lines.append(f"write_image('{output}.ome.tif', {output}, axes={written}, spacing={spacing}{labels})")
    return lines


def _paths(kind: str, files: Sequence[FileOfLayer]) -> list[str]:
    lines = [f"{kind}_paths = ["]
    lines += [f"    {file.path or f'{kind}.tif'!r},{'' if file.path else _note(file)}" for file in files]
    return [*lines, "]"]


def _note(file: FileOfLayer | None) -> str:
    if file is None:
        return "  # put the path of an image here"
    return f"  # layer {file.name!r} is in no file yet: save it, and put its path here"
