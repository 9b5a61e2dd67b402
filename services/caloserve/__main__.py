"""``python -m caloserve`` is the ``caloserve`` command."""

from caloserve.command import main

if __name__ == "__main__":
    main()
