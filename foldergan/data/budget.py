"""Memory that all reading threads share."""

import contextlib
import threading
from collections.abc import Iterator


class MemoryBudget:
    """Bytes that threads reserve before they use them; who finds too few waits.

    Args:
        total: bytes. Who asks for more gets all, and is then alone.
    """

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserve(self, wanted: int) -> Iterator[None]:
        """Holds that many bytes."""
        share = min(wanted, self._total)
        with self._changed:
            self._changed.wait_for(lambda: share <= self._free)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
