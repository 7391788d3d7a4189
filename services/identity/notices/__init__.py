"""Mails to the person an account belongs to: sign-ins from new devices, and what was changed."""
