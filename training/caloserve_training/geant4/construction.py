"""A detector and a beam as Geant4 objects, and the run that scores one image per layer and shower.

Cells are replicas in the mass geometry with the absorber slabs placed inside them, so that Geant4's own scorers add up
each cell's energy; a Python function called for every step would take three times as long. Importing this module loads
Geant4, which reads GEANT4_DATA_DIR then and aborts the process over any table that it misses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geant4_pybind as g4
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from caloserve.calorimeter import Layer
    from caloserve_training.geant4.beam import Beam, Primary
    from caloserve_training.geant4.detector import Detector, Material

    Report = Callable[[Primary, list[NDArray[np.float64]]], None]

_WORLD_MARGIN_MM = 100.0


class SlabConstruction(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    """Builds a detector: x is phi, y is eta, z is depth."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self._detector = detector
        self._kept: list[object] = []  # Geant4 holds pointers only
        self._scored: list[tuple[str, g4.G4LogicalVolume, tuple[int, int], int]] = []

    def Construct(self) -> g4.G4VPhysicalVolume:  # noqa: N802 (Geant4's name)
        """The world with everything in it."""
        detector = self._detector
        vacuum = g4.G4NistManager.Instance().FindOrBuildMaterial("G4_Galactic")
        active, absorber = self._material(detector.active), self._material(detector.absorber)
        half_width = detector.width_mm / 2 + _WORLD_MARGIN_MM
        world = self._box("world", (half_width, half_width, detector.depth_mm / 2 + 2 * detector.gap_mm), vacuum)
        placed_world = self._place("world", world, None, 0.0)
        for layer in detector.geometry.layers:
            self._layer(layer, world, active, absorber)
        return placed_world

    def ConstructSDandField(self) -> None:  # noqa: N802
        """One scorer per layer and material."""
        for name, volume, (n_phi, n_eta), depth in self._scored:
            scorer = g4.G4PSEnergyDeposit3D("energy", n_phi, n_eta, 1, depth + 1, depth, 0 if depth else 2)
            cells = g4.G4MultiFunctionalDetector(name)
            cells.RegisterPrimitive(scorer)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(cells)
            self.SetSensitiveDetector(volume, cells)
            self._kept += [scorer, cells]

    def _layer(self, layer: Layer, world: g4.G4LogicalVolume, active: g4.G4Material, absorber: g4.G4Material) -> None:
        """A block of active material, divided along phi, then along eta; absorber slabs in each cell."""
        detector = self._detector
        n_phi, n_eta = detector.cells_across(layer)
        half_depth = (layer.z_max_mm - layer.z_min_mm) / 2
        half_width, half_phi, half_eta = detector.width_mm / 2, layer.cell_phi_mm / 2, layer.cell_eta_mm / 2
        name = f"layer_{layer.index}"
        block = self._box(name, (half_width, half_width, half_depth), active)
        self._place(name, block, world, layer.z_min_mm + half_depth)
        strip = self._box(f"{name}_phi", (half_phi, half_width, half_depth), active)
        cell = self._box(f"{name}_cell", (half_phi, half_eta, half_depth), active)
        self._kept += [
            g4.G4PVReplica(f"{name}_phi", strip, block, g4.kXAxis, n_phi, layer.cell_phi_mm * g4.mm),
            g4.G4PVReplica(f"{name}_cell", cell, strip, g4.kYAxis, n_eta, layer.cell_eta_mm * g4.mm),
        ]
        self._scored.append((f"active_{layer.index}", cell, (n_phi, n_eta), 0))
        slabs: dict[float, g4.G4LogicalVolume] = {}
        for front, back in detector.absorbers(layer):
            thickness = round(back - front, 6)
            if thickness not in slabs:
                slab_name = f"absorber_{layer.index}_{len(slabs)}"
                slabs[thickness] = self._box(slab_name, (half_phi, half_eta, thickness / 2), absorber)
                self._scored.append((slab_name, slabs[thickness], (n_phi, n_eta), 1))
            self._place("absorber", slabs[thickness], cell, (front + back) / 2)

    def _box(self, name: str, half_mm: tuple[float, float, float], material: g4.G4Material) -> g4.G4LogicalVolume:
        solid = g4.G4Box(name, *(half * g4.mm for half in half_mm))
        volume = g4.G4LogicalVolume(solid, material, name)
        self._kept += [solid, volume]
        return volume

    def _place(
        self, name: str, volume: g4.G4LogicalVolume, mother: g4.G4LogicalVolume | None, z_mm: float
    ) -> g4.G4VPhysicalVolume:
        placed = g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z_mm * g4.mm), volume, name, mother, False, 0, False)  # noqa: FBT003
        self._kept.append(placed)
        return placed

    def _material(self, described: Material) -> g4.G4Material:
        elements = g4.G4NistManager.Instance()
        density = described.density_g_cm3 * g4.g / g4.cm3
        material = g4.G4Material(described.name, density, len(described.elements))
        for symbol, atoms in described.elements.items():
            material.AddElement(elements.FindOrBuildElement(symbol), atoms)
        self._kept.append(material)
        return material


class _Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    """Shoots the primaries in order and seeds the random engine for each."""

    def __init__(self, detector: Detector, pdg_id: int, primaries: Iterator[Primary]) -> None:
        super().__init__()
        self._front_mm = -detector.depth_mm / 2
        self._gap_mm = detector.gap_mm
        self._primaries = primaries
        self._gun = g4.G4ParticleGun(1)
        self._gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(pdg_id))
        self.shot: Primary | None = None

    def GeneratePrimaries(self, event: g4.G4Event) -> None:  # noqa: N802
        self.shot = shot = next(self._primaries)
        g4.HepRandom.setTheSeeds([*shot.seeds, 0], len(shot.seeds))  # the list ends at the first 0
        flight_mm = self._gap_mm / shot.direction[2]
        x, y = (at - flight_mm * along for at, along in zip(shot.impact_mm, shot.direction, strict=False))
        self._gun.SetParticleEnergy(shot.energy_gev * g4.GeV)
        self._gun.SetParticleMomentumDirection(g4.G4ThreeVector(*shot.direction))
        self._gun.SetParticlePosition(g4.G4ThreeVector(x * g4.mm, y * g4.mm, (self._front_mm - self._gap_mm) * g4.mm))
        self._gun.GeneratePrimaryVertex(event)


class _Scores(g4.G4UserEventAction):  # type: ignore[misc]
    """Reads the scorers after each event: one image over the whole width of the slabs per layer, MeV."""

    def __init__(self, detector: Detector, gun: _Gun, report: Report) -> None:
        super().__init__()
        self._shapes = [detector.cells_across(layer) for layer in detector.geometry.layers]
        self._gun = gun
        self._report = report
        self._layer_of: dict[int, int] = {}

    def EndOfEventAction(self, event: g4.G4Event) -> None:  # noqa: N802
        scores = event.GetHCofThisEvent()
        if not self._layer_of:
            self._find(scores)
        images = [np.zeros(n_phi * n_eta) for n_phi, n_eta in self._shapes]
        for collection, layer in self._layer_of.items():
            image = images[layer]
            for cell, energy in scores.GetHC(collection):
                image[cell] += float(energy)
        shaped = [image.reshape(shape) / g4.MeV for image, shape in zip(images, self._shapes, strict=True)]
        if self._gun.shot is not None:
            self._report(self._gun.shot, shaped)

    def _find(self, scores: g4.G4HCofThisEvent) -> None:
        for collection in range(scores.GetNumberOfCollections()):
            name = scores.GetHC(collection).GetSDname()
            self._layer_of[collection] = int(name.split("_")[1])


class _Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
    def __init__(self, gun: Callable[[], _Gun], scores: Callable[[_Gun], _Scores]) -> None:
        super().__init__()
        self._make_gun, self._make_scores = gun, scores
        self._kept: list[object] = []

    def Build(self) -> None:  # noqa: N802
        gun = self._make_gun()
        scores = self._make_scores(gun)
        self._kept = [gun, scores]
        self.SetUserAction(gun)
        self.SetUserAction(scores)


class Run:
    """Geant4 set up for a detector and a beam; one in a process, and kept until the process ends without clean-up.

    Geant4 and Python both think that they own these objects, and whoever deletes them second crashes.
    """

    def __init__(self, detector: Detector, beam: Beam, start: int, stop: int, report: Report) -> None:
        self._showers = stop - start
        self._engine = g4.MixMaxRng()
        g4.HepRandom.setTheEngine(self._engine)
        self._manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        self._construction = SlabConstruction(detector)
        self._physics = g4.FTFP_BERT()
        self._physics.SetDefaultCutValue(detector.cut_mm * g4.mm)
        self._actions = _Actions(
            lambda: _Gun(detector, beam.pdg_id, beam.primaries(start, stop)),
            lambda gun: _Scores(detector, gun, report),
        )
        self._manager.SetUserInitialization(self._construction)
        self._manager.SetUserInitialization(self._physics)
        self._manager.SetUserInitialization(self._actions)
        self._manager.Initialize()

    def simulate(self) -> None:
        """Simulate showers ``start`` to ``stop - 1`` and report each one's particle and images."""
        self._manager.BeamOn(self._showers)


def geant4_version() -> str:
    """Such as ``11.4.1``."""
    major, minor, patch = g4.G4VERSION_NUMBER // 100, g4.G4VERSION_NUMBER // 10 % 10, g4.G4VERSION_NUMBER % 10
    return f"{major}.{minor}.{patch}"
