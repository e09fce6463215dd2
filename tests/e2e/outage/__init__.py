"""A sink of records that is down, for long, under load."""
