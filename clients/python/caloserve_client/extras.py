"""Optional packages: imported where they are needed, and named when they are missing."""

import importlib
from types import ModuleType

from caloserve_client.errors import ExtraMissingError


def require(module: str, what: str, extra: str) -> ModuleType:
    """Import a module; raise ExtraMissingError saying what needs which extra if it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ExtraMissingError(what, extra) from error
