"""A front end that is being tried out: `ieum sandbox`."""
