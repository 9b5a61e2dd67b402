"""``python -m caloserve_bench``: see ``make bench``, ``make bench-soak`` and ``make bench-peers``."""

from caloserve_bench.command import bench

if __name__ == "__main__":
    bench()
