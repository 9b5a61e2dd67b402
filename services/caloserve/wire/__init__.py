"""What generator, router and clients share of the contract: tensors, statuses, channel and server settings."""
