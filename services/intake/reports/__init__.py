"""The stored report: its document, its life-cycle, its progress, and changes to it."""
