"""The bypass corpus: every known way in which a gateway's decision and the upstream's action come apart, as raw bytes.

Cases have the ids of the catalogue in `catalogue.py` (P paths, Q queries, M methods and authorities, H headers, F framing, B bodies, J tokens, K keys, S scopes).
They go through real Envoy to a FastAPI application that reports what it ran, and that is as gullible as upstreams come;
the oracle compares that with what the caller holds. Besides, each case says what should become of it.
"""
