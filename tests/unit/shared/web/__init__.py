"""Tests of the shared web room, on a small site of their own."""
