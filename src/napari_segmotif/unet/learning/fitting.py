"""From images and labels to a trained U-Net: what comes before and after the steps of training."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.device import free_memory, resolve_device
from ...common.progress import AnyToken, CancelToken, Job, Progress
from ...errors import InputError, JobCancelled, ModelMismatchError
from ..network.configuration import Configuration, configure
from ..network.heads import Heads
from ..objects.decoding import Decoder, choose_decoder
from ..parameters import Annotation, UNetParameters
from ..trained import TrainedUNet, network_arguments
from ..training_data.samples import SampleSet, collect_samples
from ..training_data.split import Split, split_samples
from .judged_parts import judged_parts
from .setup import Setup
from .training import TrainingRun
from .validation import ValidationTable, tabulate, usual_decoder

if TYPE_CHECKING:
    from ..network.torch_network import UNet

_PACKAGES = ("napari-segmotif", "numpy", "torch")


@dataclass(frozen=True)
class TrainingData:
    """What a network is trained on, as the user hands it in.

    Attributes
    ----------
    images, labels
        One array or a list of them.
    annotation
        Kind of the labels.
    axes, spacing
        Of the images.
    validation
        Images and labels that are held out, or None: some of the training images are.
    class_names, class_colors
        By class label.
    channel_names
        One per channel.
    image_names
        What the images are called, for the model card.
    """

    images: Any
    labels: Any
    annotation: Annotation = "instances"
    axes: str | None = None
    spacing: Sequence[float] | None = None
    validation: tuple[Any, Any] | None = None
    class_names: Mapping[int, str] | None = None
    class_colors: Mapping[int, str] | None = None
    channel_names: Sequence[str] | None = None
    image_names: Sequence[str] | None = None


def prepare_iter(
    data: TrainingData,
    parameters: UNetParameters,
    start_from: TrainedUNet | None = None,
    cancel: CancelToken | None = None,
    *,
    configuration: Configuration | None = None,
) -> Job[TrainingRun]:
    """Check what was handed in, hold some of it out, configure the network; nothing is trained yet.

    Parameters
    ----------
    start_from
        A model whose weights are gone on from; its network stays as it is.
    configuration
        Of a training that is gone on with; None: chosen from the data.
    """
    from ..network.torch_building import new_network

    samples, split = yield from _split_iter(data, parameters, cancel)
    yield Progress(0, 0, "choosing the network's shape")
    device = resolve_device(parameters.device)
    objects, classes = samples.annotation == "instances", _classes(samples)
    background = None if objects else _background(classes, data.class_names)
    heads = Heads(classes, objects, parameters.dimensions, background)
    if configuration is None:
        configuration = configure(
            split.train,
            samples.annotation,
            parameters,
            samples.spacing,
            device,
            free_memory(device),
            like=None if start_from is None else start_from.configuration,
        )
    yield Progress(0, 0, "ready to train", partial=configuration)
    _check_depth(configuration, parameters)
    setup = Setup(samples, split, heads, configuration, parameters, device, samples.spacing)
    arguments = network_arguments(configuration, heads, samples.n_channels, parameters)
    network = new_network(arguments, parameters.random_state)
    if start_from is not None:
        _copy_weights(start_from, samples, heads, parameters, network)
    yield Progress(0, 0, "counting what is annotated")
    return TrainingRun(
        setup, network, _facts(setup), apart=data.validation is not None, seasoned=start_from is not None
    )


def _check_depth(configuration: Configuration, parameters: UNetParameters) -> None:
    """Raise where normalisation would have a single pixel to look at, from which nothing can be learned."""
    alone = parameters.normalization == "instance" or configuration.batch_size == 1
    if alone and configuration.patch == configuration.total_stride:
        raise InputError(
            "only one pixel of a patch is left at the deepest level: take a larger patch, or a lower depth "
            f"(got a patch of {configuration.patch[-1]} pixels, depth={configuration.depth})"
        )


def _split_iter(
    data: TrainingData, parameters: UNetParameters, cancel: CancelToken | None
) -> Job[tuple[SampleSet, Split]]:
    dimensions = parameters.dimensions
    samples = yield from collect_samples(
        data.images, data.labels, data.annotation, data.axes, data.spacing, dimensions, cancel=cancel
    )
    if data.validation is None:
        return samples, split_samples(samples, parameters.validation_share, parameters.random_state)
    apart = yield from collect_samples(
        *data.validation, data.annotation, data.axes, data.spacing, dimensions, cancel=cancel
    )
    if apart.n_channels != samples.n_channels:
        raise InputError(
            "images for validation must have the channels of the training images "
            f"(got {apart.n_channels} and {samples.n_channels} channels)"
        )
    return samples, Split(samples.samples, apart.samples, "image", "")


def _classes(samples: SampleSet) -> tuple[int, ...]:
    return (0, 1) if samples.annotation == "instances" else samples.classes


def with_known_names(options: Mapping[str, Any], model: TrainedUNet) -> dict[str, Any]:
    """Options of a training that goes on: names and colours that are not given stay those of the model."""
    known = {
        "class_names": model.class_names,
        "class_colors": model.class_colors,
        "channel_names": model.channel_names,
    }
    return known | {name: value for name, value in options.items() if value is not None}


def _background(classes: tuple[int, ...], names: Mapping[int, str] | None) -> int:
    """The class that is called so; else the lowest."""
    called = [c for c in classes if (names or {}).get(c, "").strip().lower() == "background"]
    return called[0] if called else classes[0]


def _copy_weights(
    model: TrainedUNet, samples: SampleSet, heads: Heads, parameters: UNetParameters, network: Any
) -> None:
    """Start a network from another one's weights; its last layer only where it says the same."""
    if model.n_channels != samples.n_channels or model.heads.dimensions != heads.dimensions:
        raise ModelMismatchError(
            "the loaded model cannot be trained further on these images: it was trained on "
            f"{model.n_channels} channel(s) in {model.heads.dimensions}D "
            f"(got {samples.n_channels} channel(s) in {heads.dimensions}D)"
        )
    theirs = {"normalization": model.parameters.normalization, "residual": model.parameters.residual}
    ours = {"normalization": parameters.normalization, "residual": parameters.residual}
    if theirs != ours:
        raise ModelMismatchError(f"keep the loaded model's settings {theirs} (got {ours})")
    weights = model.network.state_dict()
    if heads != model.heads:
        weights = {k: v for k, v in weights.items() if not k.startswith("head.")}
    network.load_state_dict(weights, strict=False)


def finish_iter(
    run: TrainingRun,
    data: TrainingData,
    cancel: CancelToken | None = None,
    stop: CancelToken | None = None,
) -> Job[TrainedUNet]:
    """Take the best weights, choose how objects are made of what they say, and see what that is worth.

    After `stop` only the first of these is done, so that it takes no time.
    """
    from ..network.torch_building import network_with

    setup, weights = run.setup, run.weights
    if run.trouble and not run.history and (not run.step or not _are_numbers(weights)):
        raise InputError(run.trouble)
    if not run.history and not run.step:
        raise JobCancelled("stopped before the first step of training: there is nothing to keep")
    arguments = network_arguments(
        setup.configuration, setup.heads, setup.samples.n_channels, setup.parameters
    )
    network = network_with(arguments, weights)
    decoder, table = usual_decoder(setup.heads), None
    stopped = run.ended_early
    if stop is None or not stop.cancelled:
        decoder, table = yield from _judge(network, setup, cancel, stop)
    if table is None:
        stopped = stopped or (
            f"Stopped in epoch {min(len(run.history) + 1, run.n_epochs)} of {run.n_epochs}: the best weights "
            "so far were kept, with usual thresholds. Resume to go on."
        )
    samples = setup.samples
    return TrainedUNet(
        network=network,
        heads=setup.heads,
        configuration=setup.configuration,
        parameters=setup.parameters,
        annotation=samples.annotation,
        n_channels=samples.n_channels,
        axes=samples.axes,
        spacing=samples.spacing,
        class_names=_class_names(setup.heads, data.class_names),
        class_colors=dict(data.class_colors or {}),
        channel_names=tuple(data.channel_names or (f"channel {c + 1}" for c in range(samples.n_channels))),
        decoder=decoder,
        history=tuple(run.history),
        validation=table,
        messages=tuple(m for m in (*samples.messages, setup.split.message, *run.messages) if m),
        stopped=stopped,
        diverged=bool(run.trouble),
        card=_card(run, data),
        example=run.shown_crop.image,
    )


def judge_iter(model: TrainedUNet, run: TrainingRun, cancel: CancelToken | None = None) -> Job[TrainedUNet]:
    """Choose the decoder of a training that was stopped, and see what its network is worth."""
    decoder, table = yield from _decoder_and_table(model.network, run.setup, AnyToken(cancel))
    stopped = run.ended_early if run.done else model.stopped
    return replace(model, decoder=decoder, validation=table, stopped=stopped)


def _judge(
    network: UNet, setup: Setup, cancel: CancelToken | None, stop: CancelToken | None
) -> Job[tuple[Decoder, ValidationTable | None]]:
    """Choose the decoder on the validation samples; no table where it was stopped within."""
    try:
        return (yield from _decoder_and_table(network, setup, AnyToken(cancel, stop)))
    except JobCancelled:
        if cancel is not None and cancel.cancelled:
            raise
        return usual_decoder(setup.heads), None


def _decoder_and_table(
    network: UNet, setup: Setup, cancel: CancelToken
) -> Job[tuple[Decoder, ValidationTable]]:
    from ..inference.torch_tiles import TileRunner

    heads, decoder = setup.heads, usual_decoder(setup.heads)
    samples = judged_parts(setup.split.validation, setup.samples.annotation)
    maps: list[NDArray[np.float32]] = []
    parameters = setup.parameters
    runner = TileRunner(
        network,
        heads,
        setup.configuration.strides,
        device=setup.device,
        normalization=parameters.normalization,
        tile=setup.configuration.patch if parameters.normalization == "instance" else None,
        cancel=cancel,
    )
    for number, sample in enumerate(samples, start=1):
        cancel.raise_if_cancelled()
        maps += runner.samples([sample.image])
        yield Progress(number, len(samples), f"validating: image {number} of {len(samples)}")
    runner.release()
    if heads.objects:
        pairs = [(said, sample.labels) for said, sample in zip(maps, samples, strict=True)]
        decoder = (yield from choose_decoder(pairs, heads, setup.spacing, cancel=cancel)).decoder
    table = yield from tabulate(
        samples, maps, heads, decoder, setup.spacing, sparse=setup.sparse, by=setup.split.by, cancel=cancel
    )
    return decoder, table


def _class_names(heads: Heads, given: Mapping[int, str] | None) -> dict[int, str]:
    usual = {0: "background", 1: "objects"} if heads.objects else {}
    return {c: (given or {}).get(c, usual.get(c, f"class {c}")) for c in heads.classes}


def _card(run: TrainingRun, data: TrainingData) -> dict[str, Any]:
    """What the model was trained on, as plain JSON."""
    setup = run.setup
    n_images = len({s.image_index for s in setup.samples.samples})
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "images": list(data.image_names or [f"image {i + 1}" for i in range(n_images)]),
        "annotation": setup.samples.annotation,
        "n_training_samples": len(setup.split.train),
        "n_validation_samples": len(setup.split.validation),
        "held_out_by": setup.split.by,
        "epochs": len(run.history),
        "minutes": round(run.seconds / 60, 2),
        "device": setup.device,
        **run.facts,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _are_numbers(weights: Mapping[str, NDArray[Any]]) -> bool:
    return all(bool(np.isfinite(array).all()) for array in weights.values())


def _facts(setup: Setup) -> dict[str, Any]:
    """What there is to train on, as plain JSON; counted once, before training."""
    labels = [sample.labels for sample in setup.split.train]
    least = 1 if setup.sparse else 0
    objects = sum(len(np.unique(part[part > 0])) for part in labels) if setup.heads.objects else None
    return {
        "shapes": _image_shapes(setup.samples),
        "n_objects": objects,
        "annotated_pixels": sum(int(np.count_nonzero(part >= least)) for part in labels),
        "fingerprint": fingerprint(setup.split),
    }


def fingerprint(split: Split) -> str:
    """A hash of images and labels, of both sides: a training is gone on with on the same data only."""
    digest = hashlib.sha256()
    for sample in (*split.train, *split.validation):
        digest.update(np.ascontiguousarray(sample.image).data)
        digest.update(np.ascontiguousarray(sample.labels).data)
    return digest.hexdigest()


def _image_shapes(samples: SampleSet) -> list[list[int]]:
    """Shape of the first sample of every image."""
    shapes: dict[int, list[int]] = {}
    for sample in samples.samples:
        shapes.setdefault(sample.image_index, list(sample.labels.shape))
    return list(shapes.values())
