"""The approval service is killed and started again, over and over, while callers ask, leave and come back and people decide."""
