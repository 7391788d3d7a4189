"""What staff of the owning centre read and write about a report."""
