"""Run the tests: engines shared by a run, what each target took, repeated runs and planted faults."""
