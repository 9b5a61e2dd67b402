"""The judge: generated showers against full simulation, in a report, a file of figures and a gate for releases."""
