"""A front end that is being tried out: `make sandbox`."""
