"""Staff accounts: who may sign in, how they prove it, and the keys that access tokens are signed with."""
