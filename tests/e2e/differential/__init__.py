"""Does the operation that the filter names equal the route that FastAPI runs?

Random requests go through real Envoy to a FastAPI application that mirrors the policy, route by route. Whatever reaches a
route tells which one it was and what it read; the decision record of that request must say the same.
"""
