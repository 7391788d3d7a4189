"""Releases: what may be published, when, and the proof that it gives no one away."""
