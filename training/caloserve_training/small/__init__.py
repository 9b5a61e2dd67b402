"""The project's own generator: small, layer energies first, then cells, trained against two critics."""
