"""How server processes log: one line per record on standard error."""

import logging
import sys


def log_to_stderr(name: str) -> None:
    """Log this process's records to standard error, each marked with ``name``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)-7s {name}: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
