"""What is written below ``deploy/monitoring`` and tried on a running stack: objectives, dashboards, their trial."""
