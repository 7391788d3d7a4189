"""Published tables as files and pictures. Pure."""
