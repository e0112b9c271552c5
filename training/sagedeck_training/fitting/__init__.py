"""How a head or a whole network is trained, and kept meanwhile."""
