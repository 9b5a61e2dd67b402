"""How server processes log: one line per record on standard error."""

import asyncio
import logging
import sys

import grpc


def log_to_stderr(name: str) -> None:
    """Log this process's records to standard error, each marked with ``name``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)-7s {name}: %(message)s"))
    handler.addFilter(_is_news)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record is worth a line: gRPC logs tracebacks of calls that were cancelled, which is nothing unusual."""
    error = record.exc_info[1] if record.exc_info else None
    cancelled = isinstance(error, asyncio.CancelledError | grpc.aio.AbortError) or (
        type(error).__name__ == "ExecuteBatchError"
    )
    return not (cancelled and record.name.startswith("grpc"))
