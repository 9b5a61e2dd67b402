"""The router: takes a whole event's particles and gets each one's shower from the generator of its kind."""
