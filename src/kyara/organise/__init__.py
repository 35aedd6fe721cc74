"""File operations as a plan: made, shown, applied; nothing is ever overwritten."""
