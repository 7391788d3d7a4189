"""Cases: what a centre has to answer, the commands its staff give, and the records of routing they begin with."""
