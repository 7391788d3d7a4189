"""Objectives, dashboards and rules below ``deploy/monitoring``, and their trial on a running stack."""
