"""Ctrl-C and SIGTERM, as a request that a loop reads between two steps."""

import signal


class InterruptRequest:
    """Notes the first Ctrl-C or SIGTERM instead of dying in the middle of a step.

    A second signal falls through to the handler that stood before, for whoever
    cannot wait for the step to end.

        with InterruptRequest() as interrupt:
            for ... in trainer.train(..., should_stop=interrupt):
                ...
        if interrupt.signal_number: ...

    Attributes:
        signal_number: None until a signal came, then its number.
    """

    def __init__(self):
        self.signal_number: int | None = None

    def __call__(self) -> bool:
        """Tells whether a signal has come."""
        return self.signal_number is not None

    def __enter__(self) -> "InterruptRequest":
        self._previous = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception) -> None:
        self._restore()

    def _note(self, signal_number, frame):
        self.signal_number = signal_number
        self._restore()

    def _restore(self):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
