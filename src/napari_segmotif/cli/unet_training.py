"""`segmotif unet train`: what it is given, how it is stopped, what it says in the end."""

from __future__ import annotations

import argparse
import functools
import math
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, JobCancelled
from .arguments import class_names, positive_int, ready_model, tell
from .progress import ProgressBar
from .unet_settings import assignment, changed, settings_from

if TYPE_CHECKING:
    from ..batch.pairs import Pair
    from ..batch.unet_training import Start, TrainingFiles
    from ..common.progress import CancelToken, Job, Progress
    from ..unet.learning.reports import EpochReport
    from ..unet.segmenter import UNetSegmenter
    from .arguments import Parser

_SHAPE = ("dimensions", "width", "depth", "normalization", "residual")
"""Settings that a trained network cannot change any more."""


def add_training(parser: Parser) -> None:
    """What is trained, on what, and how."""
    add = parser.add_argument
    add("images", metavar="IMAGES", help="an image, a folder or a pattern in quotes")
    add("labels", metavar="LABELS", help="their labels")
    add("-o", "--output", required=True, type=Path, metavar="MODEL", help="the model to write (.segmotif)")
    add(
        "--annotation",
        choices=("instances", "semantic", "scribbles"),
        help="what the labels are: numbered objects, the class of every pixel, or strokes; by default what "
        "they seem to be",
    )
    add("--dimensions", type=int, choices=(2, 3), help="learn planes (2) or volumes (3); (2)")
    add("--epochs", type=positive_int, metavar="N", help="at most so many rounds of training (60)")
    add("--minutes", type=float, metavar="M", help="end within so many minutes")
    add("--validation-images", metavar="IMAGES", help="hold these out, instead of some of IMAGES")
    add("--validation-labels", metavar="LABELS", help="their labels")
    add(
        "--class-names",
        type=functools.partial(class_names, lowest=0),
        metavar="1=NAME,2=NAME",
        help="names of the classes",
    )
    add("--seed", type=int, metavar="N", help="the same seed gives the same network on a CPU (0)")
    before = parser.add_mutually_exclusive_group().add_argument
    before("--resume", type=Path, metavar="MODEL", help="go on with a training that was stopped")
    before("--fine-tune", type=Path, metavar="MODEL", help="begin with the weights of this model")
    add(
        "--keep-every",
        type=float,
        default=10.0,
        metavar="M",
        help="keep what was learned every so many minutes, for --resume, in a file beside MODEL that goes "
        "when training is finished; 0: never (10)",
    )
    add("--history", action="store_true", help="write loss and scores of every epoch to a CSV beside MODEL")
    network = parser.add_argument_group("the network").add_argument
    network(
        "--width",
        type=positive_int,
        metavar="N",
        help="channels at full resolution (24 on the CPU, 32 on a GPU)",
    )
    network("--depth", type=positive_int, metavar="N", help="halvings of the resolution; else by object size")
    network("--patch-size", type=positive_int, metavar="P", help="side of the training patches; else chosen")
    network("--batch-size", type=positive_int, metavar="N", help="patches a step; else chosen")
    network(
        "--set",
        dest="settings",
        type=assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other setting, as often as needed; `segmotif unet settings` lists them",
    )


def train(options: argparse.Namespace) -> int:
    """Train a network; return the exit code."""
    from ..batch.unet_training import Keeping, train_unet_iter
    from ..common.model_files import SUFFIX
    from ..common.progress import CancelToken

    segmenter, start = _segmenter(options)
    files = _files(options)
    if start == "new" and files.annotation is None:
        files = _with_guess(files)
    target = ready_model(options.output)
    keeping = None
    if options.keep_every > 0:
        keeping = Keeping(target.with_name(f"{target.stem}.unfinished{SUFFIX}"), options.keep_every * 60)
    stop = CancelToken()
    job = train_unet_iter(segmenter, files, start, keeping=keeping, stop=stop)
    with _stopped_by_signals(stop) as signals:
        try:
            _run_with_epochs(job, options.progress)
        except JobCancelled:
            raise KeyboardInterrupt from None  # nothing was learned yet: as if it had not been caught
        except KeyboardInterrupt:
            if keeping is not None and keeping.path.exists():
                tell(f"--resume {keeping.path} goes on from what was kept")
            raise
        written = segmenter.save(target)
        _finish(segmenter, written, None if keeping is None else keeping.path, options)
    return 143 if signal.SIGTERM in signals else 0


def _segmenter(options: argparse.Namespace) -> tuple[UNetSegmenter, Start]:
    """What is trained, and from where it starts."""
    from ..unet.segmenter import UNetSegmenter

    given = settings_from(options)
    if options.resume is not None:
        if given or options.annotation:
            names = ", ".join([*given, *(["annotation"] if options.annotation else [])])
            raise InputError(
                "a training goes on with the settings it began with: leave them out, or take --fine-tune "
                f"(got {names})"
            )
        segmenter = UNetSegmenter.load(options.resume, device=options.device)
        if not segmenter.can_resume:
            raise InputError(
                "the training of this model was finished: --fine-tune trains it further "
                f"(got {options.resume})"
            )
        return segmenter, "resume"
    if options.fine_tune is not None:
        fixed = [name for name in given if name in _SHAPE]
        if fixed:
            raise InputError(
                f"a trained network keeps its shape: leave these settings out (got {', '.join(fixed)})"
            )
        segmenter = UNetSegmenter.load(options.fine_tune, device=options.device)
        segmenter.parameters = changed(segmenter.parameters, given)
        return segmenter, "fine_tune"
    return UNetSegmenter(**given, device=options.device), "new"


def _files(options: argparse.Namespace) -> TrainingFiles:
    from ..batch.unet_training import TrainingFiles

    if (options.validation_images is None) != (options.validation_labels is None):
        given = options.validation_images or options.validation_labels
        raise InputError(
            f"--validation-images and --validation-labels belong together: give both (got only {given})"
        )
    validation: list[Pair] = []
    if options.validation_images is not None:
        validation = pairs_of(options.validation_images, options.validation_labels)
    return TrainingFiles(
        pairs=pairs_of(options.images, options.labels),
        validation=validation,
        annotation=options.annotation,
        axes=options.axes,
        spacing=options.spacing,
        class_names=options.class_names,
    )


def _with_guess(files: TrainingFiles) -> TrainingFiles:
    """The same with what the labels seem to be; says so."""
    from ..batch.unet_training import guess_annotation_of

    guess, found = guess_annotation_of(files.pairs[0], files.axes)
    tell(f"labels are taken for {guess} (the first image has {found}); --annotation says it otherwise")
    return replace(files, annotation=guess)


def pairs_of(images: str, labels: str) -> list[Pair]:
    """Images with their labels; says which images have none.

    Raises
    ------
    InputError
        If no image has labels, or names do not fit.
    """
    from ..batch.pairs import match_pairs

    pairs, alone = match_pairs([images], [labels])
    for image in alone:
        tell(f"{image}: has no labels and is left out")
    if not pairs:
        raise InputError(
            "no image has labels: the labels of 'cells.tif' are called 'cells.tif' or 'cells_labels.tif' "
            f"(got {images} and {labels})"
        )
    return pairs


@contextmanager
def _stopped_by_signals(stop: CancelToken) -> Iterator[list[int]]:
    """Ctrl-C, or SIGTERM, ends the training inside and keeps the best; a second one leaves at once.

    Gives the signals that were caught.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before: dict[int, Any] = {}

    def end(number: int, frame: Any) -> None:
        if stop.cancelled:
            if callable(before[number]):
                before[number](number, frame)
                return
            raise KeyboardInterrupt  # a shell's job in the background ignores Ctrl-C; asked twice, it ends
        caught.append(number)
        stop.cancel()
        tell("stopping, to keep the best network so far; a second Ctrl-C leaves without it")

    before |= {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_with_epochs(job: Job[Any], shown: bool | None) -> None:
    """Drive a training under a progress bar, with a line for every epoch."""
    from ..common.progress import Progress, run_job
    from ..unet.learning.reports import EpochReport

    with ProgressBar("train", shown) as bar:
        last = ""

        def show(progress: Progress) -> None:
            nonlocal last
            if isinstance(progress, EpochReport):
                last = scores_in_words(progress)
                best = ", best so far" if progress.is_best else ""
                bar.say(
                    f"epoch {progress.epoch} of {progress.n_epochs}: {last}, {progress.seconds:.1f} s{best}"
                )
            training = progress.message.startswith("epoch") and last
            message = f"{progress.message}: {last}" if training else progress.message
            bar.show(Progress(progress.done, progress.total, message))

        run_job(job, show)


def scores_in_words(report: EpochReport) -> str:
    """The losses and scores of an epoch that there are."""
    numbers = {
        "loss": report.train_loss,
        "held-out loss": report.validation_loss,
        "AP": report.validation_ap,
        "Dice": report.validation_dice,
    }
    return ", ".join(f"{name} {value:.3f}" for name, value in numbers.items() if not math.isnan(value))


def _finish(segmenter: UNetSegmenter, written: Path, kept: Path | None, options: argparse.Namespace) -> None:
    """Say what came out; write the history; let the unfinished training go."""
    print(f"{written}: {_in_words(segmenter)}")
    if options.history:
        print(write_history(written.with_name(f"{written.stem}_history.csv"), segmenter.history_))
    print(f"\nchosen from the images:\n{_configuration_in_words(segmenter)}")
    if segmenter.validation_ is not None:
        print(f"\nimages, or parts of them, that were held out:\n{_validation_in_words(segmenter)}")
    for message in (*segmenter.messages_, segmenter.stopped_):
        if message:
            tell(message)
    if segmenter.can_resume:
        tell(f"--resume {written} goes on from here")
    if kept is not None:
        kept.unlink(missing_ok=True)


def _in_words(segmenter: UNetSegmenter) -> str:
    history, card = segmenter.history_, segmenter.card_
    parts = [f"{len(history)} of {history[-1].n_epochs} epochs" if history else "less than an epoch"]
    parts.append(f"on {card['n_training_samples']} planes or volumes of {len(card['images'])} image(s)")
    best = [report for report in history if report.is_best]
    if best:
        parts.append(f"best was epoch {best[-1].epoch} ({scores_in_words(best[-1])})")
    return ", ".join(parts)


def _configuration_in_words(segmenter: UNetSegmenter) -> str:
    reasons = segmenter.configuration_.reasons
    return "\n".join(f"  {name.replace('_', ' ')}: {reason}" for name, reason in reasons.items())


def _validation_in_words(segmenter: UNetSegmenter) -> str:
    table = segmenter.validation_
    assert table is not None
    text = table.to_text(dict(segmenter.class_names_))
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


def write_history(path: Path, history: Sequence[EpochReport]) -> Path:
    """Write the numbers of every epoch as CSV; those that are not known are empty."""
    import csv

    from ..common.atomic import write_atomically
    from ..unet.learning.reports import EpochReport

    rows = [report.as_row() for report in history]
    columns = list(EpochReport(0, 0).as_row())
    with write_atomically(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(["" if math.isnan(row[name]) else f"{row[name]:.7g}" for name in columns])
    return path
