"""Train shower generators on Geant4 showers and publish them as releases."""
