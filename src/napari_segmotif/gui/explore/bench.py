"""What the steps of the feature explorer have in common: session, form, plot, and how to talk to the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from napari.utils.notifications import show_warning

from ...common.progress import CancelToken, Job
from ..runner import JobRunner
from .findings import Findings
from .form import ExplorerForm
from .session import ObjectSession
from .views import Views

NO_TABLE = "measure objects or open a table first."


@dataclass
class Bench:
    """The parts that all steps work with."""

    viewer: Any
    runner: JobRunner
    form: ExplorerForm
    session: ObjectSession
    found: Findings
    views: Views

    @property
    def busy(self) -> str:
        """Why nothing long can be started, or ""."""
        return "wait until what is running is done." if self.runner.busy else ""

    def no_table(self) -> str:
        """Say why nothing can be done with the table, or ""."""
        return "" if self.session.table is not None else NO_TABLE

    def start(self, job: Callable[[CancelToken], Job[Any]], name: str, **options: Any) -> bool:
        """Start a job on the table, unless another one runs; see JobRunner.start.

        Its result is dropped if another table was taken by then.
        """
        table = self.session.table
        columns = None if table is None else self.session.index

        def same_table() -> bool:
            return self.session.index is columns

        options.setdefault("guard", same_table)
        options.setdefault("on_error", self.say_error)
        options.setdefault("cancel_previous", False)
        started = self.runner.start(job, name=name, **options)
        if not started:
            self.say(f"“{self.runner.running_name}” is still running: cancel it first.", "warning")
        return started

    def table(self) -> pd.DataFrame:
        """The table; a job may keep it, as columns are replaced and never written into."""
        assert self.session.table is not None  # whoever asks has looked before
        return self.session.table

    def say(self, text: str, kind: str = "info") -> None:
        """Show a sentence in the footer; `kind` is "info", "warning" or "error"."""
        self.form.say(text, kind)

    def say_all(self, text: str, messages: Iterable[str]) -> None:
        """Show a sentence, and what is to be known beside it, in the footer."""
        more = " ".join(messages)
        self.form.say(f"{text} {more}".strip(), "warning" if more else "info")

    def warn(self, text: str) -> None:
        """Tell the user in a napari notification and in the widget that something cannot be done."""
        show_warning(text)
        self.form.say(text, "warning")

    def say_error(self, error: Exception) -> bool:
        """Show an error in the widget; the runner makes a notification of it."""
        self.form.say(str(error), "error")
        return False
