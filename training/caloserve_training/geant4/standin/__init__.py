"""Stand-ins for Geant4's tables, written from formulas and from xraylib where the official ones cannot be had."""
