"""How controllers make many pods: in batches that double as long as all goes well.

Source: slowStartBatch of the ReplicaSet controller; the daemon, Job and StatefulSet controllers do the same.
"""

from __future__ import annotations

import msgspec


class SlowStart(msgspec.Struct):
    """The batches of one owner within one pass; ``size`` is that of the first.

    >>> start = SlowStart(size=1)
    >>> def attempt(succeeds):
    ...     if start.goes_on():
    ...         start.note(succeeded=succeeds)
    ...         return "tried"
    ...     return "left for the next pass"
    >>> [attempt(number < 4) for number in range(9)]  # batches of 1, 2 and 4, of which the third fails
    ['tried', 'tried', 'tried', 'tried', 'tried', 'tried', 'tried', 'left for the next pass', 'left for the next pass']
    """

    size: int
    tried: int = 0
    failed: bool = False

    def goes_on(self) -> bool:
        """Whether the next pod is tried: not if one of an earlier batch was refused."""
        if self.tried == self.size:
            if self.failed:
                return False
            self.size, self.tried = 2 * self.size, 0
        return True

    def note(self, *, succeeded: bool) -> None:
        """Note how an attempt went."""
        self.tried += 1
        self.failed = self.failed or not succeeded
