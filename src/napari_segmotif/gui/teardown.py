"""Knowing when a docked widget is gone for good.

Closing a dock with its ✕ sends only a hide event, as changing tabs does; the widget is merely taken out of
the dock. It is gone when it had a parent and, one turn of the event loop later, has none. Closing the
viewer's window can still be refused by the user, so that too is believed only after it has happened.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QCoreApplication, QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget

from .layers import unwrapped

if TYPE_CHECKING:
    from napari import Viewer


def teardown_on_close(
    widget: QWidget, napari_viewer: Viewer | None, callback: Callable[[], object], *, delete: bool = True
) -> None:
    """Call back once when a docked widget is closed for good.

    That is: its dock was closed with ✕ or removed, the viewer's window was closed, the widget was deleted, or
    the application quits. Hiding, floating and changing tabs do nothing.

    Parameters
    ----------
    widget
        The widget that napari docks.
    napari_viewer
        The viewer it is docked in, if there is one.
    callback
        Called on the main thread. Qt may already have deleted the widget and its children by then: cancel,
        disconnect and let go, but do not draw.
    delete
        Delete the widget afterwards.
    """
    _WATCHES.add(_Watch(widget, napari_viewer, callback, delete))


# An event filter written in Python must never be garbage while Qt still calls it. So it is no child of the
# widget, which may be part of a reference cycle, but is held here for as long as the widget lives.
_WATCHES: set[_Watch] = set()


class _Watch(QObject):
    """Watches one widget until it is gone."""

    def __init__(
        self, widget: QWidget, napari_viewer: Viewer | None, callback: Callable[[], object], delete: bool
    ) -> None:
        super().__init__()
        self._widget = weakref.ref(widget)
        self._callback: Callable[[], Callable[[], object] | None] = lambda: callback
        if getattr(callback, "__self__", None) is widget:
            self._callback = weakref.WeakMethod(callback)  # holding it here would keep the widget for ever
        self._delete = delete
        self._docked = widget.parent() is not None
        window = _main_window(napari_viewer)
        self._window = weakref.ref(self if window is None else window)
        widget.installEventFilter(self)
        if window is not None:
            window.installEventFilter(self)
        widget.destroyed.connect(self._call)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._call)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take note of being put into a dock, of being taken out of it, and of the window's closing."""
        kind = None if event is None else event.type()
        if kind == QEvent.Type.ParentChange and watched is self._widget():
            QTimer.singleShot(0, self._look_at_dock)
            self._docked = self._docked or self._has_parent()
        elif kind == QEvent.Type.Close and watched is self._window():
            QTimer.singleShot(0, self._look_at_window)
        elif kind == QEvent.Type.DeferredDelete and watched is self._window():
            self._call()
        return False

    def _has_parent(self) -> bool:
        widget = self._widget()
        return widget is not None and widget.parent() is not None

    def _look_at_dock(self) -> None:
        if self._docked and not self._has_parent():
            self._end()

    def _look_at_window(self) -> None:
        window = self._window()
        if isinstance(window, QWidget) and not window.isVisible():
            self._end()

    def _end(self) -> None:
        widget = self._widget()
        self._call()
        if self._delete and widget is not None:
            widget.deleteLater()

    def _call(self) -> None:
        """Call back, the first time."""
        if self in _WATCHES:
            _WATCHES.discard(self)
            callback = self._callback()
            if callback is not None:
                callback()


def _main_window(napari_viewer: Viewer | None) -> QWidget | None:
    window = getattr(unwrapped(napari_viewer), "window", None)
    main = getattr(window, "_qt_window", None)  # napari offers no public way to the window itself
    return main if isinstance(main, QWidget) else None
