"""The console: work lists, pages, the JSON API and the live stream."""
