"""``ieum doctor``: what is wrong with a running installation, in plain words."""
