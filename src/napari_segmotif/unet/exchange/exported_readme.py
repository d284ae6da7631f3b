"""The page that goes along with an exported network: what it is, how to use it, what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .exported_description import describe_export

if TYPE_CHECKING:
    from ..trained import TrainedUNet

_FOREGROUND = "Pixels with `1 − {background}` above `foreground_threshold` are the foreground."
_DECODERS = {
    "seeds": (
        _FOREGROUND + " Connected pixels of it where `(1 − {background}) · (1 − boundary)` is above "
        "`seed_threshold` are the seeds; seeds below `minimum_seed` pixels are dropped. A watershed on "
        "`1 − (1 − {background}) · (1 − boundary)` grows the seeds over the foreground, and connected "
        "foreground without a seed becomes an object too."
    ),
    "votes": (
        _FOREGROUND
        + " Each of them votes for the place that its offsets point to; the votes are smoothed with a "
        "Gaussian (sigma `vote_smoothing` px) and their peaks are centres, where at least `vote_share` of "
        "an object's pixels vote for them and no stronger one is within `vote_distance` radii. Every pixel "
        "goes to the centre nearest to its vote; what hangs together with no centre becomes an object too."
    ),
    "components": (
        _FOREGROUND
        + " Its connected parts are objects; with `split_touching` they are split at necks that are "
        "by `split_depth` narrower."
    ),
}


def readme(model: TrainedUNet, name: str, text: str) -> str:
    """The page as Markdown.

    Parameters
    ----------
    model
        What is exported.
    name
        Its title.
    text
        What its author says of it.
    """
    parts = [f"# {name}", text, _input(model), _output(model), _objects(model), _training(model)]
    return "\n\n".join(part for part in (*parts, _validation(model), _files()) if part) + "\n"


def validation_lines(model: TrainedUNet) -> list[str]:
    """What the network is worth on held-out samples, as short sentences; empty where that is not known."""
    table = model.validation
    if table is None:
        return []
    lines = []
    if table.objects is not None:
        at = ", ".join(
            f"{precision:.3f} at IoU {threshold:g}"
            for threshold, precision in zip(
                table.objects.thresholds, table.objects.average_precision, strict=True
            )
        )
        lines.append(f"Average precision TP/(TP+FP+FN) of objects: {at}.")
    if np.isfinite(table.dice):
        lines.append(f"Dice of the foreground: {table.dice:.3f}.")
    return lines


def _input(model: TrainedUNet) -> str:
    described = describe_export(model)
    low, high = described["percentiles"]
    axes = ", ".join(["batch", "channel", *described["axes"].lower()])
    steps = " × ".join(str(step) for step in described["multiples_of"])
    lines = [
        f"## Input\n\nfloat32 with the axes {axes}; channels: {', '.join(described['channels'])}. Per image "
        f"and channel, percentile {low:g} becomes 0 and percentile {high:g} becomes 1, without clipping. The "
        f"size along {', '.join(described['axes'].lower())} is a multiple of {steps}; mirror smaller images "
        "at their edges."
    ]
    if described["spacing"] is not None:
        sizes = " × ".join(f"{size:g}" for size in described["spacing"])
        lines.append(f"It was trained on pixels of {sizes} (units of the images).")
    if described["normalization"] == "instance":
        patch = " × ".join(str(size) for size in described["patch"])
        lines.append(f"It adapts to every tile: always use tiles of {patch}, as in training.")
    return " ".join(lines)


def _output(model: TrainedUNet) -> str:
    names = describe_export(model)["maps"]
    n = model.heads.n_classes
    rows = [f"| {i} | {name} | probability of the class, in [0, 1] |" for i, name in enumerate(names[:n])]
    if model.heads.objects:
        rows.append(f"| {n} | {names[n]} | probability of the outermost pixels of an object, in [0, 1] |")
        rows += [
            f"| {n + 1 + i} | {name} | pixels from here to the centre of the object, along {name[-1]} |"
            for i, name in enumerate(names[n + 1 :])
        ]
    return "\n".join(["## Output\n", "| channel | name | meaning |", "| --- | --- | --- |", *rows])


def _objects(model: TrainedUNet) -> str:
    decoder = model.decoder.model_dump(mode="json")
    how = _DECODERS[model.decoder.method].format(
        background=describe_export(model)["maps"][model.heads.background_index]
    )
    used = {key: value for key, value in decoder.items() if f"`{key}`" in how}
    values = ", ".join(f"`{key}` = {value}" for key, value in used.items())
    return (
        f"## Objects\n\n{how} Objects below `minimum_size` = {decoder['minimum_size']} pixels are left out."
        f"\n\nHere {values}; all values are under `config: segmotif: decoder` of the description."
    )


def _training(model: TrainedUNet) -> str:
    parameters = model.parameters
    return (
        f"## Training\n\nU-Net (Ronneberger et al., 2015), trained with napari-segmotif on "
        f"{_KINDS[model.annotation]}: {len(model.history)} epochs, {parameters.optimizer.upper()}, learning "
        f"rate {parameters.learning_rate:g}, loss {parameters.class_loss}."
    )


_KINDS = {
    "instances": "numbered objects",
    "semantic": "a class for every pixel",
    "scribbles": "strokes",
}


def _validation(model: TrainedUNet) -> str:
    lines: Sequence[str] = validation_lines(model) or ["It was not validated."]
    kept = " On samples that were kept out of training:" if model.validation is not None else ""
    return (
        f"## Validation\n\n{' '.join(lines)}{kept and ' (on samples that were kept out of training)'}\n\n"
        "Before you use it on your own images, annotate some of them by hand and compare: average precision "
        "TP/(TP+FP+FN) of objects at several overlaps, or Dice of the foreground."
    )


def _files() -> str:
    return (
        "## Files\n\n"
        "- `torch_network.py`: the network, needs PyTorch alone\n"
        "- `weights.pt`: its weights in PyTorch's format, a pickle: load it with `weights_only=True`\n"
        "- `weights.onnx`: the same network for ONNX runtimes\n"
        "- `model.segmotif`: the model for napari-segmotif, plain arrays, with all that is needed to go on "
        "training\n"
        "- `test_input.npy`, `test_output.npy`: an example and what the network says of it"
    )
