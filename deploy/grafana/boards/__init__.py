"""The dashboards, as code."""

from typing import Final

from boards import events, latency, physics, saturation
from boards.dashboard import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (latency.BOARD, saturation.BOARD, physics.BOARD, events.BOARD)

__all__ = ["DASHBOARDS", "Dashboard"]
