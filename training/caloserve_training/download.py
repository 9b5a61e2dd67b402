"""Files from the network, kept only when their digest is the one expected."""

from __future__ import annotations

import hashlib
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

from caloserve_training.errors import DownloadError

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from pathlib import Path

    from caloserve_training.progress import Arrival

_BLOCK = 1 << 20
_TIMEOUT_S = 60.0
_HEADERS = {"User-Agent": "caloserve"}


@dataclass(frozen=True)
class Digest:
    """What a file's bytes must hash to: the algorithm's name in hashlib, and hexadecimal digits."""

    algorithm: str
    hexadecimal: str


def download(url: str, target: Path, digest: Digest, report: Arrival) -> None:
    """Fetch a file to ``target``, which appears complete and verified or not at all; raise DownloadError otherwise.

    ``report`` is told how many bytes have arrived, and of how many where the server says so.
    """
    part = target.with_name(f".{target.name}.part")
    running = hashlib.new(digest.algorithm, usedforsecurity=False)
    arrived = 0
    try:
        with _open(url) as answer, part.open("wb") as file:
            total = answer.length
            while block := answer.read(_BLOCK):
                running.update(block)
                file.write(block)
                arrived += len(block)
                report(arrived, total)
        if running.hexdigest() != digest.hexadecimal:
            raise DownloadError(
                f"{url}: {digest.algorithm} is {running.hexdigest()}, not {digest.hexadecimal}; nothing was kept"
            )
        part.replace(target)
    except (OSError, HTTPException) as error:
        raise DownloadError(f"{url}: {getattr(error, 'reason', error)}") from error
    finally:
        part.unlink(missing_ok=True)


def fetch_text(url: str) -> str:
    """A small document; raise DownloadError where it cannot be had."""
    try:
        with _open(url) as answer:
            return answer.read().decode("utf-8")
    except (OSError, HTTPException, UnicodeDecodeError) as error:
        raise DownloadError(f"{url}: {getattr(error, 'reason', error)}") from error


def _open(url: str) -> HTTPResponse:
    if not url.startswith(("https://", "http://")):
        raise DownloadError(f"{url}: not a web address")
    request = urllib.request.Request(url, headers=_HEADERS)  # noqa: S310 (checked above)
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
    return answer
