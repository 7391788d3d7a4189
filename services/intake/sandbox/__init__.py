"""The page on which an integrator sees what arrived of the drills that a credential for drills sent."""
