"""What can go wrong in simulating, training and publishing.

CaloServeError
  TrainingError        root of everything below
    DataError            a data file cannot be trained on or compared with
    DivergedError        a loss stopped being a finite number
    ConfigError          what a training is told is wrong
    InterruptedTrainingError  a training was stopped, and can go on
    RunError             a run folder is missing, incomplete or not what is asked for
    ExportError          the exported graph does not do what the trained generator does
    DetectorError        a detector is described wrongly
    BeamError            particles that cannot be shot
    TablesError          Geant4's tables are missing, or are not what they should be
    SimulationError      Geant4 failed, or a file holds showers of another simulation
    DownloadError        a file cannot be fetched, or is not the one expected
"""

from caloserve.calorimeter import CaloServeError


class TrainingError(CaloServeError):
    """Root of the trainer's errors."""


class DataError(TrainingError):
    """A data file cannot be trained on or compared with."""


class DivergedError(TrainingError):
    """A loss stopped being a finite number."""


class ConfigError(TrainingError):
    """What a training is told is wrong."""


class InterruptedTrainingError(TrainingError):
    """A training was stopped, and can go on."""


class RunError(TrainingError):
    """A run folder is missing, incomplete or not what is asked for."""


class PolicyError(TrainingError):
    """The gate's policy is malformed."""


class GateError(TrainingError):
    """A release is worse than the served one, or worse than any release may be."""


class ExportError(TrainingError):
    """The exported graph does not do what the trained generator does."""


class DetectorError(TrainingError):
    """A detector is described wrongly."""


class BeamError(TrainingError):
    """Particles that cannot be shot."""


class TablesError(TrainingError):
    """Geant4's tables are missing, or are not what they should be."""


class SimulationError(TrainingError):
    """Geant4 failed, or the file holds showers of another simulation."""


class DownloadError(TrainingError):
    """A file cannot be fetched, or is not the one expected."""
