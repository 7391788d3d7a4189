"""How intake's pages say things: words, the form's fields, where a report stands. Pure."""
