"""What stands on the dashboard's pages: panels made from an edition of releases, in the reader's language."""
