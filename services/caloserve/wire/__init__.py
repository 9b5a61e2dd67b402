"""What generator and router share of the contract: tensors, statuses, channel and server settings."""
