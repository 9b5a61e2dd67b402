"""The commands `caloserve generate`, `describe` and `demo`."""
