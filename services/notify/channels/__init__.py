"""How an alert reaches people. Every channel takes a message and says None, or a short reason why it was not taken."""
