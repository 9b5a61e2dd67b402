"""Stands for a simulation: each task of a job asks its node's CaloServe for the showers of its own events."""  # noqa: INP001 (a script)

import os
import sys

from caloserve_client import CaloServeClient

EVENTS = int(os.environ.get("EVENTS", "100"))
task = int(os.environ.get("SLURM_PROCID", "0"))

deposited_mev = 0.0
with CaloServeClient(os.environ["CALOSERVE_TARGET"]) as client:
    for number in range(EVENTS):
        # The event's number makes its showers, so that they are the same whichever node makes them.
        event = client.generate_event(
            [("eplus", 50.0), ("gamma", 20.0), ("piplus", 35.0)], seed=7, event_id=task * EVENTS + number
        )
        deposited_mev += float(event.e_tot_mev.sum())

sys.stdout.write(f"task {task}: {EVENTS} events, {deposited_mev / EVENTS:.0f} MeV in each\n")
