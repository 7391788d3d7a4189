"""What every service uses and no service owns. Imports nothing from ``services``."""
