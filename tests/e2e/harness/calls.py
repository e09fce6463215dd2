"""Calls under way: sent on a thread of their own, so that a test can decide while they are held."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Call:
    """One call; `answer()` waits for its outcome and raises what it raised."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do, self._got, self._error = do, None, None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._got = self._do()
        except BaseException as error:
            self._error = error

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def answer(self, timeout: float = 20):
        self._thread.join(timeout)
        assert self.is_over(), f"no answer within {timeout} s"
        if self._error is not None:
            raise self._error
        return self._got
