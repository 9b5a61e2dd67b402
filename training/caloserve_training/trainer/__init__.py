"""Training of any generator: what it is told, its run folder, checkpoints, and how far it is."""
