"""Reports taken by phone: calls with sealed drafts, handed over between operators; additions by receipt and word."""
