"""Rows of a large request, some at a time."""


def split(rows: int, most: int) -> list[slice]:
    """Consecutive slices of at most ``most`` rows that cover ``rows``."""
    return [slice(start, min(start + most, rows)) for start in range(0, rows, most)]
