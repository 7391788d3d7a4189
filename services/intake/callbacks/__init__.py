"""Status callbacks: a front end is told by signed webhook how reports stand that it asked about."""
