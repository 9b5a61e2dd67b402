"""CaloServe: calorimeter-shower generators as gRPC services."""
