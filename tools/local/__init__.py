"""Engines and services under one launcher on one machine."""
