"""Hides what ``IEUM_BENCH_WITHOUT`` names from this process's imports; Python imports this file at its start."""

import os
import sys

for _package in os.environ["IEUM_BENCH_WITHOUT"].split():
    sys.modules[_package] = None  # type: ignore[assignment]  # what Python itself reads as "is not there"
