"""An event loop that tells when it has nothing to do."""

import asyncio
import selectors
import time
from collections import deque
from collections.abc import Callable


class IdleLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, which also calls back before it would go to sleep."""

    def __init__(self) -> None:
        self._selector_of_idle = _IdleSelector()
        super().__init__(self._selector_of_idle)

    def call_when_idle(self, callback: Callable[[], None], most_s: float) -> None:
        """Call ``callback`` once, when all that has come is dealt with, or after ``most_s`` seconds of being busy."""
        self._selector_of_idle.callbacks.append((time.perf_counter() + most_s, callback))


def call_when_idle(callback: Callable[[], None], most_s: float) -> None:
    """The same on the running loop; one that cannot tell calls soon."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, IdleLoop):
        loop.call_when_idle(callback, most_s)
    else:
        loop.call_soon(callback)


class _IdleSelector(selectors.DefaultSelector):
    """Waits for sockets. asyncio asks it once in each turn of the loop: for how long, tells whether there is work."""

    def __init__(self) -> None:
        super().__init__()
        self.callbacks: deque[tuple[float, Callable[[], None]]] = deque()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.callbacks:
            return super().select(timeout)
        events = super().select(0)
        busy = bool(events) or (timeout is not None and timeout <= 0)
        latest, callback = self.callbacks[0]
        if not busy or time.perf_counter() > latest:
            self.callbacks.popleft()
            callback()
        return events
