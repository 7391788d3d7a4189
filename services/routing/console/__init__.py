"""What staff and anybody see of routing: the API, the pages, the live view."""
