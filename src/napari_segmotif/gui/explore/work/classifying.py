"""Learning classes: training, checking, asking for the next object, files, and other images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....common.words import count
from ....explore.tables import CLASS
from ...classes.entries import renamed
from .. import jobs
from ..bench import Bench
from ..findings import CONFIDENCE, PREDICTED
from ..jobs import Predicted, Trained
from ..panels.object_classes import entries_for, new_entry
from ..words import scores_rows
from .asking import Asking
from .picking import Picking

if TYPE_CHECKING:
    from ....explore.classifying.object_classifier import ObjectClassifier
    from ....explore.classifying.object_validation import ObjectValidation

NO_MODEL = "train or load a classifier first."
_EARLIER = "Classifier of an earlier table."


class Classifying:
    """Starts the jobs behind the section of classes.

    Parameters
    ----------
    bench
        What to work with.
    on_change
        Called when there is another classifier, or other classes.
    """

    def __init__(self, bench: Bench, on_change: Callable[[], object]) -> None:
        self._bench = bench
        self._on_change = on_change
        self.saved: Path | None = None
        self.picking = Picking(bench, self._on_classes)
        self.asking = Asking(bench, self.picking, self._how_to_train, partial(self._take, live=True))
        panel = bench.form.classify
        panel.train_clicked.connect(self.train)
        panel.check_clicked.connect(self.check)
        panel.suggest_clicked.connect(self.asking.ask)
        panel.save_wanted.connect(self.save)
        panel.load_wanted.connect(self.load)
        panel.strategy.currentIndexChanged.connect(lambda _index: self.update())
        panel.live.toggled.connect(lambda _on: self.update())

    def forget(self) -> None:
        """There is another table: the classifier stays, what it said of the last table goes."""
        self.asking.forget()
        panel = self._bench.form.classify
        panel.show_scores([], "", [])
        panel.trained.say("" if self._bench.found.classifier is None else _EARLIER)
        self.picking.adopt()

    def train(self) -> None:
        """Learn the classes that objects were given, and tell those of all."""
        bench = self._bench

        def done(trained: Trained) -> None:
            known = self._take(trained, live=False)
            bench.say_all("Trained. “How good is it?” tests it; “Show the next object” asks for more.", known)

        job = partial(jobs.train, bench.table(), self.picking.classes, *self._how_to_train())
        bench.start(job, "Train", on_result=done)

    def check(self) -> None:
        """Measure how good the classifier is."""
        bench, panel = self._bench, self._bench.form.classify
        classifier = bench.found.classifier
        if classifier is None:
            return

        def done(validation: ObjectValidation) -> None:
            bench.found.validation = validation
            first, *rest = validation.messages or ("",)
            rows = scores_rows(validation.scores, dict(classifier.class_names_))
            chance = [text for text in rest if "chance" in text]
            panel.show_scores(
                rows if validation.n_folds else [],
                " ".join([first, *chance]),
                [text for text in rest if text not in chance],
            )
            bench.say(first)

        bench.start(partial(jobs.validate, classifier, panel.hold_out.key), "How good is it?", on_result=done)

    def tell(self) -> None:
        """Tell the classes of the objects in the open table."""
        bench, classifier = self._bench, self._bench.found.classifier
        if classifier is None:
            return

        def done(predicted: Predicted) -> None:
            self._show(predicted)
            known = self._not_checked(classifier)
            bench.say_all("All objects of the table have a class now, see “Found”.", known)

        bench.start(partial(jobs.predict, classifier, bench.table()), "Tell classes", on_result=done)

    # ---- files

    def save(self, path: Path) -> None:
        """Save the classifier."""
        bench, classifier = self._bench, self._bench.found.classifier
        if classifier is None:
            return

        def done(written: Path) -> None:
            self.saved = written
            bench.say(f"Saved the classifier: {written}")

        bench.start(partial(jobs.save_model, classifier, path), "Save", on_result=done)

    def load(self, path: Path) -> None:
        """Load a classifier; “Tell those of the open table” uses it there."""
        bench = self._bench

        def done(classifier: ObjectClassifier) -> None:
            self.saved = path
            bench.found.classifier, bench.found.validation = classifier, None
            self.asking.on_loaded()
            differing = self._adopt_names(classifier)
            panel = bench.form.classify
            panel.show_scores([], "", [])
            names = ", ".join(dict(classifier.class_names_).values())
            panel.trained.say(f"Loaded {path.name}: {names}. {differing}".strip())
            bench.say_all(f"Loaded {path.name}.", [differing] if differing else [])
            self._on_change()

        bench.start(partial(jobs.load_model, path), "Load", on_result=done)

    # ---- state

    def update(self) -> None:
        """Enable what can be done now, or say why not."""
        bench, panel = self._bench, self._bench.form.classify
        no_table = bench.no_table()
        selected = bench.session.table is not None and bool(bench.session.selected.any())
        no_class = "" if panel.classes.current else "select a class in the list."
        given = np.unique(self.picking.classes)
        classes = given[given > 0]
        few = "" if len(classes) > 1 else "give objects of at least two classes a class first."
        model = bench.found.classifier
        busy = bench.busy
        no_model = "" if model is not None else NO_MODEL
        learns = panel.live.isChecked() and not few
        panel.set_available(
            no_table=no_table,
            no_giving=no_class or ("" if selected else "select objects in the plot or the image."),
            no_clusters="" if bench.session.column("cluster") is not None else "find clusters first.",
            no_training=busy or few,
            no_model=busy or no_model,
            no_suggestion=busy or (no_model if panel.strategy.key == "uncertainty" and not learns else ""),
            no_check=busy or no_model,
            no_loading=busy,
        )

    def _on_classes(self) -> None:
        self._on_change()
        self.asking.on_classes()

    def _how_to_train(self) -> tuple[Any, ...]:
        """Method, columns and options of `jobs.train`, as they are set now."""
        bench, panel = self._bench, self._bench.form.classify
        options = {
            "class_names": panel.classes.names,
            "class_colors": panel.classes.colors,
            "from_clusters": bench.found.from_clusters,
        }
        return panel.method.key, bench.found.columns(bench.table()), options

    def _take(self, trained: Trained, *, live: bool) -> tuple[str, ...]:
        """Work with a new classifier; returns what could not be checked before.

        Live, colours that the user chose stay.
        """
        bench, panel = self._bench, self._bench.form.classify
        self.saved = None
        bench.found.classifier, bench.found.validation = trained.classifier, None
        panel.show_scores([], "", [])
        self.asking.on_trained(trained.classes)
        self._show(trained.predicted, recolor=not live or bench.views.column in ("", CLASS, PREDICTED))
        n = count(int((trained.classes > 0).sum()), "object")
        known = self._not_checked(trained.classifier)
        panel.trained.say(" ".join([f"Learned from {n}. All objects have a class now, see “Found”.", *known]))
        return known

    def _show(self, predicted: Predicted, *, recolor: bool = True) -> None:
        bench = self._bench
        bench.session.set_column(PREDICTED, predicted.classes)
        bench.session.set_column(CONFIDENCE, predicted.confidence)
        if recolor:
            bench.views.color_by(PREDICTED)
        self.picking.show_counts()
        self._on_change()

    def _adopt_names(self, classifier: ObjectClassifier) -> str:
        """List the classifier's classes beside the user's; returns which are called otherwise here."""
        table = self._bench.form.classify.classes
        picked = {int(c) for c in np.unique(self.picking.classes) if c > 0}
        named = {one.label for one in table.entries if one.name != new_entry(one.label).name}
        kept = picked | named if picked else set()  # without picks, the names are those of the file
        known = table.names
        entries = entries_for([*classifier.classes_, *picked, *named], table.entries)
        differing = []
        for class_id in (int(c) for c in classifier.classes_):
            name = classifier.class_names_[class_id]
            if class_id not in kept:
                color = classifier.class_colors_.get(class_id)
                entries = renamed(entries, class_id, name=name, **({"color": color} if color else {}))
            elif name != known.get(class_id, name):
                differing.append(f"class {class_id} is “{known[class_id]}” here and “{name}” there")
        table.set_entries(entries)
        table.changed.emit()
        return f"Its names differ from yours, which stay: {', '.join(differing)}." if differing else ""

    def _not_checked(self, classifier: ObjectClassifier) -> tuple[str, ...]:
        """What could not be checked before the classifier was applied to the table, in sentences."""
        return classifier.check(self._bench.table())
