"""How Ieum is started: on one machine (local), as a demo, in containers."""
