"""Tools beside the services: the local stack, demo, simulations, document generation. Production needs none."""
