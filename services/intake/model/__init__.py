"""What intake speaks of: the submission, the text it accepts, receipts, and the answers it gives."""
