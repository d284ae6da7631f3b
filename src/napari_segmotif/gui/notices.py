"""What went wrong, as napari notifications: plainly where we know it, with the traceback where not."""

from __future__ import annotations

import traceback

from ..errors import SegmotifError


def report_failure(name: str, exception: BaseException) -> None:
    """Tell the user that a job failed (main thread).

    A SegmotifError is one of our own messages and is shown as it is. Running out of memory is said in words.
    Anything else keeps its traceback behind the notification's button, to be sent to us.
    """
    from napari.utils.notifications import show_error

    if isinstance(exception, SegmotifError):
        show_error(f"{name}: {exception}")
    elif isinstance(exception, MemoryError):
        show_error(
            f"{name}: there is not enough memory. Close other programs, or work on a smaller part of the "
            f"image (got {type(exception).__name__}: {exception})"
        )
    else:
        _show_unexpected(name, exception)


def _show_unexpected(name: str, exception: BaseException) -> None:
    from napari.utils.notifications import ErrorNotification, notification_manager

    # The notification lives as long as napari. Without this the frames of the traceback would keep every
    # array that the job had in hand.
    traceback.clear_frames(exception.__traceback__)
    notification = ErrorNotification(exception)
    notification.message = f"{name} failed unexpectedly: {type(exception).__name__}: {exception}"
    notification_manager.dispatch(notification)
