"""For those who build front ends: a small client, and the checks a front end's server has to pass."""
