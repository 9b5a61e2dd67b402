"""Showers from Geant4: the detector, the beam, the worker processes, and the tables that Geant4 reads."""
