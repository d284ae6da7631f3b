"""Telling the classes of the objects of another image."""

from __future__ import annotations

from functools import partial

from ....common.words import count
from ....errors import SegmotifError
from .. import jobs
from ..bench import Bench
from ..findings import PREDICTED
from ..image.class_layer import show_column_image
from ..inputs import take
from ..jobs import Applied
from ..recipe import describe_applied
from ..words import class_counts, picked_in_words
from .classifying import NO_MODEL, Classifying


class Applying:
    """Starts the jobs behind the section of other images."""

    def __init__(self, bench: Bench, classifying: Classifying) -> None:
        self._bench = bench
        self._classifying = classifying
        panel = bench.form.apply
        panel.apply_clicked.connect(self.apply)
        panel.here_clicked.connect(classifying.tell)
        panel.changed.connect(self.update)
        bench.form.objects.changed.connect(self.update)

    def apply(self) -> None:
        """Measure the chosen objects as the others were, and tell their classes."""
        bench, panel = self._bench, self._bench.form.apply
        classifier, chosen = bench.found.classifier, panel.chosen
        if classifier is None or chosen is None:
            return
        whole, channels = chosen
        try:
            given = take(whole, channels)
        except SegmotifError as error:
            bench.warn(str(error))
            return
        info = classifier.info_
        properties = (
            tuple(info.properties) if info is not None and info.properties else bench.found.properties
        )
        colors = bench.form.classify.classes.colors
        names = bench.form.classify.classes.names

        def done(applied: Applied) -> None:
            recipe = describe_applied(classifier, properties, given.labels.name, self._classifying.saved)
            show_column_image(
                bench.viewer, applied.image, given.labels, PREDICTED, recipe=recipe, colors=colors
            )
            bench.views.set_features(whole.labels, applied.table)
            counts = class_counts(applied.table[PREDICTED].to_numpy())
            text = f"{count(len(applied.table), 'object')} of “{given.labels.name}”"
            panel.said.say(f"{text}: {picked_in_words(counts, names)}. The table is in layer.features.")
            bench.say_all(f"Told the classes of {text}.", applied.messages)

        job = partial(jobs.apply, classifier, given, properties)
        bench.start(job, "Tell classes", on_result=done, layers=whole.layers, guard=lambda: True)

    def update(self) -> None:
        """Enable the buttons, or say why not."""
        bench, panel = self._bench, self._bench.form.apply
        classifier = bench.found.classifier
        if classifier is None:
            panel.set_available(NO_MODEL, NO_MODEL)
            return
        info = classifier.info_
        panel.set_channels(() if info is None else info.channels, bench.form.objects.axes)
        unknown = (
            "the classifier does not say what was measured: measure the image, then tell the classes of the "
            "open table."
            if not (info is not None and info.properties) and not bench.found.properties
            else ""
        )
        panel.set_available(bench.busy or unknown or panel.problem(), bench.busy or bench.no_table())

    def show_model(self) -> None:
        """Say which classifier is applied."""
        classifier = self._bench.found.classifier
        names = [] if classifier is None else list(dict(classifier.class_names_).values())
        self._bench.form.sections["apply"].set_summary(", ".join(names))
        self.update()
