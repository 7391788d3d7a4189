"""Sign-in with password and second factor, in a browser and over the API."""
