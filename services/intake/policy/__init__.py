"""Intake's decisions: how urgent, what leaves the house, which id and receipt. Pure: values in, values out."""
