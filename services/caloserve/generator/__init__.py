"""A generator service: one kind of particle, its releases, and the gRPC server that makes its showers."""
