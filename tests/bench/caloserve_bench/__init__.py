"""How fast the services are, beside what the machine, the paper and other model servers do: ``make bench``."""
