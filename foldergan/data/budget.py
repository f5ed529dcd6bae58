"""Memory that all reading threads share."""

import contextlib
import threading
from collections.abc import Iterator

_FEW = 1000  # part of all that is not counted


class MemoryBudget:
    """Bytes that threads reserve before they use them; who finds too few waits.

    Args:
        total: bytes. Who asks for more gets all, and is then alone.
    """

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    def reserve(self, wanted: int) -> contextlib.AbstractContextManager[None]:
        """Holds that many bytes; so few that they do not count are not counted."""
        if wanted < self._total // _FEW:
            return contextlib.nullcontext()
        return self._hold(min(wanted, self._total))

    @contextlib.contextmanager
    def _hold(self, share: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: share <= self._free)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
