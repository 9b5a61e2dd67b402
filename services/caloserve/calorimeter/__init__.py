"""The vocabulary that services, training and clients share. NumPy only."""

from caloserve.calorimeter.errors import CaloServeError
from caloserve.calorimeter.geometry import CALOGAN, Geometry, Layer, geometry_named
from caloserve.calorimeter.particles import EPLUS, GAMMA, PARTICLES, PIPLUS, Particle
from caloserve.calorimeter.seeds import SAMPLER_VERSION, latents
from caloserve.calorimeter.shapes import SHOWER_SHAPES, ShowerShape

__all__ = [
    "CALOGAN",
    "EPLUS",
    "GAMMA",
    "PARTICLES",
    "PIPLUS",
    "SAMPLER_VERSION",
    "SHOWER_SHAPES",
    "CaloServeError",
    "Geometry",
    "Layer",
    "Particle",
    "ShowerShape",
    "geometry_named",
    "latents",
]
