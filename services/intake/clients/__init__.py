"""Front ends that may use the API."""
