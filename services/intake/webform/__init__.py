"""The public form in short steps, its drafts, and the pages of advice."""
