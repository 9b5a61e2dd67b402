"""Client of CaloServe: a whole event's calorimeter showers in one call.

with CaloServeClient("localhost:50050") as client:
    event = client.generate_event([("eplus", 50.0), ("gamma", 20.0), (211, 35.0)], seed=7)
    first, middle, last = event.layers  # MeV, one image per particle
"""

from caloserve_client.aio import AsyncCaloServeClient
from caloserve_client.client import CaloServeClient
from caloserve_client.embedded import EmbeddedStack
from caloserve_client.errors import (
    BadAnswerError,
    ClientError,
    DeadlineExceededError,
    EmbeddedStackError,
    ExtraMissingError,
    FormatError,
    NotAskedForError,
    NotFoundError,
    NotImplementedByServerError,
    OverloadedError,
    ReplayError,
    RequestRejectedError,
    ServerFailedError,
    ShowersFailedError,
    UnavailableError,
)
from caloserve_client.events import Event
from caloserve_client.generators import FidelityFigure, Generator, GeneratorDescription, Release
from caloserve_client.limits import Limits
from caloserve_client.provenance import Provenance, Timings
from caloserve_client.requests import EventParticle, Options
from caloserve_client.showers import Showers
from caloserve_client.statuses import ShowerError, ShowerStatus

__all__ = [
    "AsyncCaloServeClient",
    "BadAnswerError",
    "CaloServeClient",
    "ClientError",
    "DeadlineExceededError",
    "EmbeddedStack",
    "EmbeddedStackError",
    "Event",
    "EventParticle",
    "ExtraMissingError",
    "FidelityFigure",
    "FormatError",
    "Generator",
    "GeneratorDescription",
    "Limits",
    "NotAskedForError",
    "NotFoundError",
    "NotImplementedByServerError",
    "Options",
    "OverloadedError",
    "Provenance",
    "Release",
    "ReplayError",
    "RequestRejectedError",
    "ServerFailedError",
    "ShowerError",
    "ShowerStatus",
    "Showers",
    "ShowersFailedError",
    "Timings",
    "UnavailableError",
]
