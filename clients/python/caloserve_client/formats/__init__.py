"""File formats that showers are written to."""
