"""UNetSegmenter: a U-Net that is trained from labels, strokes or numbered objects, and makes objects."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from ..common.progress import AnyToken, CancelToken, Job, Progress, run_job
from ..errors import InputError, ModelFileError, ModelMismatchError, NotFittedError
from . import model_file
from .learning.fitting import TrainingData, finish_iter, judge_iter, prepare_iter, with_known_names
from .learning.reports import EpochReport
from .learning.training import TrainingRun
from .parameters import Annotation, UNetParameters
from .predicting import Predicting
from .trained import TrainedUNet

R = TypeVar("R")

Images = Any  # one array or ImageSource, or a list of them


class UNetSegmenter(Predicting):
    """Learns to segment images from annotated ones, as classes and as separate objects.

    A U-Net (Ronneberger et al., MICCAI 2015) says of every pixel which class it is and, where it learned
    from numbered objects, whether it lies on an object's rim and where the object's centre is. Objects are
    made of that by the way, and with the thresholds, that did best on held-out images.

    Parameters
    ----------
    dimensions
        2: each plane by itself. 3: volumes.
    device
        "auto", "cuda", "mps" or "cpu".
    **settings
        Every other field of `unet.parameters.UNetParameters`.

    Attributes
    ----------
    classes_
        (K,) int32: class labels as painted, the background first; (0, 1) where objects are learned.
    history_
        An `EpochReport` of every epoch.
    validation_
        A `ValidationTable` of held-out images, or None where training was stopped before.
    decoder_
        How objects are made.
    configuration_
        What was chosen from the data, with reasons.
    messages_
        What you should know.
    stopped_
        Why training ended early; empty if it did not.
    card_
        Plain JSON: what it was trained on, when, with which versions.

    Examples
    --------
    >>> import napari_segmotif as segmotif
    >>> sample = segmotif.simulate_nuclei_2d((256, 256))
    >>> unet = segmotif.UNetSegmenter(n_epochs=20).fit(sample.image, sample.labels)  # doctest: +SKIP
    >>> objects = unet.predict_instances(sample.image)  # doctest: +SKIP
    """

    def __init__(self, dimensions: int = 2, *, device: str = "auto", **settings: Any) -> None:
        try:
            self.parameters = UNetParameters(dimensions=dimensions, device=device, **settings)
        except ValidationError as error:
            raise InputError.from_validation(error) from error
        super().__init__()
        self._run: TrainingRun | None = None
        self._data: TrainingData | None = None
        self._kept: model_file.KeptTraining | None = None

    # ---------------------------------------------------------------------------------------- training

    def fit(
        self,
        images: Images,
        labels: Any,
        annotation: Annotation = "instances",
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        **options: Any,
    ) -> Self:
        """Train on annotated images.

        Parameters
        ----------
        images
            One array, or a list, of which the axes are letters of TCZYX; NumPy, dask, zarr, ImageSource.
        labels
            One label array per image, without channels.
        annotation
            "instances": numbered objects on 0; "semantic": the class of every pixel; "scribbles": strokes of
            classes from 1, the lowest being the background, where 0 is not annotated.
        axes
            Letters of TCZYX, for all images.
        spacing
            Pixel size along the spatial axes.
        **options
            Other fields of `unet.learning.fitting.TrainingData`: `validation` = (images, labels) that are
            held out instead of some of the training images, `class_names`, `class_colors`, `channel_names`,
            `image_names`.

        Raises
        ------
        AnnotationError
            If the labels cannot be learned from.
        InputError
            If images do not fit each other, their labels or the parameters.
        DeviceMemoryError
            If even the smallest batches do not fit.
        """
        run_job(self.fit_job(images, labels, annotation, axes, spacing, **options))
        return self

    def fit_iter(
        self,
        images: Images,
        labels: Any,
        annotation: Annotation = "instances",
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        cancel: CancelToken | None = None,
        stop: CancelToken | None = None,
        **options: Any,
    ) -> Generator[EpochReport, None, Self]:
        """The same as `fit`, as a generator of an EpochReport after every epoch."""
        job = self.fit_job(images, labels, annotation, axes, spacing, cancel=cancel, stop=stop, **options)
        trained: Self = yield from _epochs_of(job)
        return trained

    def fit_job(
        self,
        images: Images,
        labels: Any,
        annotation: Annotation = "instances",
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        cancel: CancelToken | None = None,
        stop: CancelToken | None = None,
        **options: Any,
    ) -> Job[Self]:
        """The same as `fit`, as a job.

        Parameters
        ----------
        cancel
            Leaves everything as it was before.
        stop
            Ends training soon and keeps the best weights so far; `resume_job` goes on.

        Yields
        ------
        Progress
            After every step; after every epoch it is an EpochReport.
        """
        data = TrainingData(images, labels, annotation, axes, spacing, **options)
        run = yield from prepare_iter(data, self.parameters, cancel=AnyToken(cancel, stop))
        return (yield from self._go_on(run, data, cancel, stop))

    def fine_tune_job(
        self,
        images: Images,
        labels: Any,
        annotation: Annotation | None = None,
        axes: str | None = None,
        spacing: Sequence[float] | None = None,
        *,
        cancel: CancelToken | None = None,
        stop: CancelToken | None = None,
        **options: Any,
    ) -> Job[Self]:
        """Train the present network further, on the same or on other images; else as `fit_job`.

        Where the classes are others, only the network's last layer begins anew.

        Raises
        ------
        NotFittedError
            If there is no network yet.
        ModelMismatchError
            If the images have other channels or dimensions.
        """
        model = self.model_
        options = with_known_names(options, model)
        data = TrainingData(images, labels, annotation or model.annotation, axes, spacing, **options)
        run = yield from prepare_iter(data, self.parameters, model, AnyToken(cancel, stop))
        return (yield from self._go_on(run, data, cancel, stop))

    @property
    def can_resume(self) -> bool:
        """Whether training was stopped before its end, and can be gone on with."""
        unfinished = self._run is not None and (not self._run.done or self._model is None)
        unjudged = self._run is not None and self._model is not None and self._model.validation is None
        return unfinished or (unjudged and not self._run.trouble) or self._kept is not None  # type: ignore[union-attr]

    def resume_job(
        self,
        images: Images = None,
        labels: Any = None,
        *,
        cancel: CancelToken | None = None,
        stop: CancelToken | None = None,
        **options: Any,
    ) -> Job[Self]:
        """Go on with a training that was stopped: on the CPU the result is the same as without the stop.

        Parameters
        ----------
        images, labels, **options
            As `fit` was given them (`axes` and `spacing`, too); only needed for a model that was loaded.

        Raises
        ------
        NotFittedError
            If no training was stopped.
        ModelMismatchError
            If images or labels are not those of the training.
        ModelFileError
            If where the training stood is damaged in the file that was loaded.
        """
        if not self.can_resume:
            raise NotFittedError("no training was stopped here: use fit, or fine_tune_job to train further")
        run, data = self._run, self._data
        if run is None or data is None:
            kept, model = self._kept, self.model_
            if kept is None or images is None:
                raise InputError("resume_job needs the images and labels of the training (got none)")
            options = with_known_names(options, model)
            data = TrainingData(images, labels, model.annotation, **options)
            run = yield from prepare_iter(
                data,
                self.parameters,
                cancel=AnyToken(cancel, stop),
                configuration=model.configuration,
            )
            if run.facts["fingerprint"] != model.card.get("fingerprint"):
                raise ModelMismatchError(
                    "training can only go on with the very images and labels it began with: use them, or "
                    f"train the model further on these (got other pixels than {model.card.get('images')})"
                )
            try:
                run.restore(kept.arrays, kept.metadata)
            except (LookupError, RuntimeError, TypeError, ValueError) as error:
                raise ModelFileError(
                    "what the model file says of the stopped training is damaged: train the model further "
                    f"with fine_tune_job (got {error})"
                ) from error
        return (yield from self._go_on(run, data, cancel, stop))

    @property
    def can_judge(self) -> bool:
        """Whether training was stopped, so that it is not known yet what the network is worth."""
        return self._run is not None and self._model is not None and self._model.validation is None

    def judge_job(self, *, cancel: CancelToken | None = None) -> Job[Self]:
        """Choose how objects are made after a stop, on held-out samples, and fill in `validation_`.

        Raises
        ------
        NotFittedError
            If no training was stopped here.
        """
        run, model = self._run, self._model
        if run is None or model is None:
            raise NotFittedError("no training was stopped here: there is nothing to judge")
        self._model = yield from judge_iter(model, run, cancel)
        self._let_go()
        return self

    def _go_on(
        self, run: TrainingRun, data: TrainingData, cancel: CancelToken | None, stop: CancelToken | None
    ) -> Job[Self]:
        """Train and finish; only then does anything change here."""
        yield from run.run(cancel, stop)
        model = yield from finish_iter(run, data, cancel, stop)
        self._model, self._run, self._data, self._kept = model, run, data, None
        self._let_go()
        return self

    def _let_go(self) -> None:
        """Hold on to images and the optimiser's moments only while training may go on."""
        if not self.can_resume:
            self._run = self._data = None

    # ------------------------------------------------------------------------------------------- files

    def save(self, path: str | Path) -> Path:
        """Write the model (.segmotif), and where its training stands if that was stopped.

        Raises
        ------
        NotFittedError
            If it was not trained.
        StorageError
            If the file cannot be written; an older one stays whole.
        """
        kept = self._kept
        if self._run is not None and self.can_resume:
            arrays, metadata = self._run.state()
            kept = model_file.KeptTraining(arrays, metadata)
        return model_file.save(self.model_, Path(path), kept)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Self:
        """Read a model.

        Raises
        ------
        ModelFileError
            If it is damaged, of another tool or of a newer version.
        """
        model, kept = model_file.load(Path(path))
        return cls.of(model, device, kept)

    @classmethod
    def of(
        cls, model: TrainedUNet, device: str = "auto", kept: model_file.KeptTraining | None = None
    ) -> Self:
        """Wrap a trained model, with its parameters."""
        made = cls(**{**model.parameters.model_dump(), "device": device})
        made._model, made._kept = model, kept
        return made

    def export_onnx(self, path: str | Path) -> Path:
        """Write the network as ONNX; see `unet.exchange.export_onnx`."""
        from .exchange.export_onnx import export_onnx

        return export_onnx(self.model_, Path(path))

    def export_bioimageio(self, path: str | Path, **description: Any) -> Path:
        """Write a bioimage.io package; see `unet.exchange.export_bioimageio`."""
        from .exchange.export_bioimageio import export_bioimageio

        return export_bioimageio(self.model_, Path(path), **description)

    @classmethod
    def from_bioimageio(cls, path: str | Path, device: str = "auto") -> Self:
        """Read a bioimage.io package, where that is safe; see `unet.exchange.import_bioimageio`."""
        from .exchange.import_bioimageio import import_bioimageio

        return cls.of(import_bioimageio(Path(path)), device)


def _epochs_of(job: Job[R]) -> Generator[EpochReport, None, R]:
    """Only the reports of epochs among what a job yields."""
    try:
        while True:
            progress: Progress = next(job)
            if isinstance(progress, EpochReport):
                yield progress
    except StopIteration as end:
        result: R = end.value
        return result
    finally:
        job.close()
