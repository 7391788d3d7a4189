"""The pages for analysts, made from releases."""
