"""What patches raise."""

from __future__ import annotations


class PatchError(Exception):
    """A patch that the API server does not take.

    Attributes:
        message: what is wrong with it.
        status: the HTTP status of the answer: 400 for a malformed patch, 409 for a conflict, 415 for a kind of patch
            that the object does not know, 422 for one that does not fit the object.
    """

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
