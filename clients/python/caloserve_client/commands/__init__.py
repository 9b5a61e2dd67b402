"""The commands `caloserve generate`, `replay`, `describe` and `demo`."""
