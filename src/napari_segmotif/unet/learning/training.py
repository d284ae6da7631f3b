"""A whole training: epochs, validation, the best weights; stopped at any step and gone on with from there."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...common.progress import CancelToken, Job, Progress
from ..objects.decoding import Decoder
from ..training_data.sampling import PatchSampler
from ..training_data.targets import Targets
from .reports import EpochReport, ExamplePrediction
from .setup import Setup
from .training_state import Arrays, reports_as_json, reports_from_json, shapes_of, with_prefix
from .validation import Crop, PixelCount, choose_crops, object_scores, usual_decoder

if TYPE_CHECKING:
    from ..network.torch_network import UNet

_VALIDATION_SHARE = 0.25
"""Area of the validation crops, as a share of the area that an epoch trains on."""
_MOST_CROPS = 64
_EPOCH_SHARE = 0.06
"""With a time limit, an epoch lasts at most so large a share of it."""
_FINISHING_SHARE = 0.06
"""Share of a time limit that is kept for the choice of the decoder at the end."""


class TrainingRun:
    """A training that can be stopped after any step, and gone on with.

    Parameters
    ----------
    setup
        What to train, on what.
    network
        Trained in place.
    facts
        What there is to train on, for the model card; plain JSON.
    apart
        Whether the validation images were given apart from the training images.
    seasoned
        Whether the network was trained before: it is then the one to do better than.

    Attributes
    ----------
    history
        A report of every epoch so far, without its example.
    best
        The weights with the best validation score so far; empty before the first epoch.
    step, n_steps
        Steps made in this epoch, and in all.
    trouble
        Why training ended early by itself; empty otherwise.
    """

    def __init__(
        self, setup: Setup, network: UNet, facts: Mapping[str, Any], *, apart: bool, seasoned: bool = False
    ) -> None:
        from .torch_losses import UNetLoss
        from .torch_training import Trainer

        self.setup = setup
        self.facts = facts
        self.history: list[EpochReport] = []
        self.best: Arrays = {}
        self.step = 0
        self.n_steps = 0
        self.n_epochs = setup.parameters.n_epochs
        self.trouble = ""
        self.seconds = 0.0
        """Of all steps and epochs so far."""
        self._losses: list[float] = []
        self._progress = 0.0
        self._first_score = math.nan
        """Of the network that was trained before."""
        self._apart, self._seasoned = apart, seasoned
        parameters, configuration = setup.parameters, setup.configuration
        self._sampler = PatchSampler(setup.split.train, configuration, parameters, parameters.random_state)
        n_crops = round(configuration.steps_per_epoch * configuration.batch_size * _VALIDATION_SHARE)
        self._crops = choose_crops(
            setup.split.validation,
            configuration.patch,
            max(1, min(_MOST_CROPS, n_crops)),
            sparse=setup.sparse,
        )
        # The example that is shown after every epoch: the crop with most in it.
        self.shown_crop = max(self._crops, key=lambda crop: int((crop.labels > 0).sum()))
        weights = setup.class_weights() if parameters.class_weights == "balanced" else None
        heads = setup.heads
        loss = UNetLoss(parameters, heads.n_classes, network.offset_scale, weights, heads.background_index)
        self._trainer = Trainer(network, self._batch, loss, parameters, setup.device)

    @property
    def done(self) -> bool:
        """Whether nothing is left to train."""
        late = bool(self.history) and self.step == 0 and self.seconds >= self._limit
        made = len(self.history) >= self.setup.parameters.n_epochs
        return bool(self.trouble) or made or late or self._out_of_patience()

    @property
    def ended_early(self) -> str:
        """Why training came to its end before the last epoch that was asked for; empty if it did not."""
        made, wanted = len(self.history), self.setup.parameters.n_epochs
        if self.trouble or not self.done or made >= wanted:
            return self.trouble
        after = f"Training ended after {made} of {wanted} epochs"
        if self._out_of_patience():
            return f"{after}: the last {self._epochs_without_better()} were no better than those before."
        return f"{after}: the time limit of {self.setup.parameters.max_minutes:g} minutes was reached."

    @property
    def messages(self) -> tuple[str, ...]:
        """What happened on the way that the user should know."""
        return tuple(self._trainer.messages)

    @property
    def weights(self) -> Arrays:
        """The best weights; before the first epoch the present ones."""
        return self.best or self._trainer.weights()

    def run(self, cancel: CancelToken | None = None, stop: CancelToken | None = None) -> Job[None]:
        """Train on from where it stands, until all is done or `stop` is set.

        Yields
        ------
        Progress
            After every step; after every epoch its EpochReport.
        """
        try:
            if self._seasoned and not self.best:
                report = yield from self._validate(cancel, stop)
                if report is not None:
                    self.best, self._first_score = self._trainer.weights(), self._score_of(report)
            while not self.done and not _set(stop):
                report = yield from self._epoch(cancel, stop)
                if report is not None:
                    yield report
        finally:
            self._trainer.close()

    # -------------------------------------------------------------------------------------------- epochs

    def _epoch(self, cancel: CancelToken | None, stop: CancelToken | None) -> Job[EpochReport | None]:
        """One epoch, or what is left of it; None if it was stopped within."""
        while not self._epoch_is_over():
            if _set(stop):
                return None
            if cancel is not None:
                cancel.raise_if_cancelled()
            self._one_step()
            if self.trouble:
                return None
            yield self._progress_now()
        started = time.monotonic()
        report = yield from self._validate(cancel, stop)
        if report is None:
            return None
        self.seconds += time.monotonic() - started
        seconds = self.seconds - sum(r.seconds for r in self.history)
        report = replace(report, seconds=seconds)
        if report.is_best:
            self.best = self._trainer.weights()
        self.history.append(replace(report, example=None))
        self.step, self._losses = 0, []
        self._count_epochs()
        return replace(report, n_epochs=self.n_epochs, total=self.n_epochs)

    def _one_step(self) -> None:
        from .torch_training import StepPlan

        started = time.monotonic()
        n_steps = self.setup.parameters.n_epochs * self.setup.configuration.steps_per_epoch
        # With a time limit the learning rate follows the clock.
        self._progress = min(1.0, max(self.n_steps / n_steps, self.seconds / self._limit))
        loss = self._trainer.step(StepPlan(self.n_steps, self._progress))
        if not math.isfinite(loss):
            self.trouble = (
                f"The loss was no longer a number in epoch {len(self.history) + 1}: training stopped, and "
                "the best weights before that were kept. Take a smaller learning rate "
                f"(got {self.setup.parameters.learning_rate:g})."
            )
            return
        self._losses.append(loss)
        self.step += 1
        self.n_steps += 1
        self.seconds += time.monotonic() - started

    def _progress_now(self) -> Progress:
        n_steps = self.setup.configuration.steps_per_epoch
        epoch = len(self.history) + 1
        done = len(self.history) + self.step / n_steps
        return Progress(
            done, self.n_epochs, f"epoch {epoch} of {self.n_epochs}, step {self.step} of {n_steps}"
        )

    # ---------------------------------------------------------------------------------------- validation

    def _validate(self, cancel: CancelToken | None, stop: CancelToken | None) -> Job[EpochReport | None]:
        """Look at the validation crops; None if it was stopped within."""
        setup, heads = self.setup, self.setup.heads
        count = PixelCount(heads, sparse=setup.sparse)
        decoder = usual_decoder(heads)
        losses, objects, example = [], None, None
        size = setup.configuration.batch_size
        for start in range(0, len(self._crops), size):
            if _set(stop):
                return None
            if cancel is not None:
                cancel.raise_if_cancelled()
            crops = self._crops[start : start + size]
            loss, maps = self._trainer.evaluate(
                np.stack([crop.image for crop in crops]),
                setup.targets(np.stack([crop.labels for crop in crops])),
            )
            losses += [loss] * len(crops)
            for crop, said in zip(crops, maps, strict=True):
                count.add(crop.labels, said)
                if heads.objects:
                    scores = object_scores(crop.labels, said, heads, decoder, setup.spacing)
                    objects = scores if objects is None else objects + scores
                if crop is self.shown_crop:
                    example = self._example(crop, said, decoder)
            yield self._progress_now()
        epoch = len(self.history) + 1
        score = count.dice if objects is None else objects.mean_average_precision
        return EpochReport(
            done=epoch,
            total=self.n_epochs,
            message=f"epoch {epoch}",
            epoch=epoch,
            n_epochs=self.n_epochs,
            train_loss=float(np.mean(self._losses)) if self._losses else math.nan,
            validation_loss=float(np.mean(losses)),
            validation_dice=count.dice,
            validation_ap=math.nan if objects is None else objects.mean_average_precision,
            learning_rate=self._trainer.rate,
            is_best=not self.best or score >= self._score() or self._score() != self._score(),
            example=example,
        )

    def _score(self) -> float:
        """The best validation score so far; NaN where none is known."""
        scores = [self._first_score, *(self._score_of(report) for report in self.history)]
        return max((s for s in scores if s == s), default=math.nan)

    def _score_of(self, report: EpochReport) -> float:
        return report.validation_ap if self.setup.heads.objects else report.validation_dice

    def _out_of_patience(self) -> bool:
        patience = self.setup.parameters.patience
        if not patience or not self.history:
            return False
        return self._epochs_without_better() >= patience

    def _epochs_without_better(self) -> int:
        """How many epochs ago the score was last higher than ever before; as good is not better."""
        best, since = -math.inf, 0
        for report in self.history:
            score = self._score_of(report)
            best, since = (score, 0) if score > best else (best, since + 1)
        return since

    def _example(self, crop: Crop, maps: NDArray[np.float32], decoder: Decoder) -> ExamplePrediction:
        heads, sample = self.setup.heads, crop.sample
        inside = tuple(slice(0, part.stop - part.start) for part in crop.region)
        classes = np.asarray(heads.classes, np.int32)[maps[heads.class_maps].argmax(axis=0)]
        plane = () if sample.plane is None else (slice(sample.plane, sample.plane + 1),)
        return ExamplePrediction(
            image_index=sample.image_index,
            apart=self._apart,
            frame=sample.frame,
            region=(*plane, *crop.region),
            image=crop.image[(slice(None), *inside)],
            truth=crop.labels[inside],
            classes=classes[inside],
            instances=decoder(maps, heads, self.setup.spacing)[inside],
            foreground=heads.foreground(maps)[inside],
        )

    # ------------------------------------------------------------------------------------- time and state

    @property
    def _limit(self) -> float:
        """Seconds that training may take; infinite where no limit was set."""
        return (self.setup.parameters.max_minutes or math.inf) * 60 * (1 - _FINISHING_SHARE)

    def _epoch_is_over(self) -> bool:
        """After its steps; with a time limit also after a part of that, or when it is reached."""
        if self.step >= self.setup.configuration.steps_per_epoch:
            return True
        made = sum(report.seconds for report in self.history)
        long = self.seconds - made > self._limit * _EPOCH_SHARE
        return self.step > 0 and (long or self.seconds >= self._limit)

    def _count_epochs(self) -> None:
        """Say how many epochs there will be until the time limit."""
        left = self._limit - self.seconds
        made = len(self.history)
        if math.isfinite(left):
            more = math.ceil(left / statistics.median(r.seconds for r in self.history)) if left > 0 else 0
            self.n_epochs = min(self.setup.parameters.n_epochs, made + more)

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Where training stands, as arrays and JSON; `restore` goes back to it."""
        arrays = {f"trainer.{k}": v for k, v in self._trainer.state().items()}
        arrays |= {f"best.{k}": v for k, v in self.best.items()}
        return arrays, {
            "history": reports_as_json(self.history),
            "step": self.step,
            "n_steps": self.n_steps,
            "rate": self._trainer.rate,
            "first_score": None if math.isnan(self._first_score) else self._first_score,
            "losses": self._losses,
            "progress": self._progress,
            "n_epochs": self.n_epochs,
            "seconds": self.seconds,
            "trouble": self.trouble,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
        """Go to a `state` of a training on the same images with the same parameters.

        Raises
        ------
        KeyError, RuntimeError, TypeError, ValueError
            If it is none.
        """
        self._trainer.restore(with_prefix(arrays, "trainer."))
        self.best = with_prefix(arrays, "best.")
        if self.best and shapes_of(self.best) != shapes_of(self._trainer.weights()):
            raise ValueError("the best weights are those of another network")
        self.history = reports_from_json(metadata["history"])
        self.step, self.n_steps = int(metadata["step"]), int(metadata["n_steps"])
        first = metadata["first_score"]
        self._first_score = math.nan if first is None else float(first)
        self._trainer.rate = float(metadata["rate"])
        self._losses = [float(loss) for loss in metadata["losses"]]
        self._progress, self.n_epochs = float(metadata["progress"]), int(metadata["n_epochs"])
        self.seconds, self.trouble = float(metadata["seconds"]), str(metadata["trouble"])

    def _batch(self, step: int) -> tuple[NDArray[np.float32], Targets]:
        images, labels = self._sampler.batch(step)
        return images, self.setup.targets(labels)


def _set(token: CancelToken | None) -> bool:
    return token is not None and token.cancelled
