"""What may be published, when, and the proof that it gives nobody away."""
