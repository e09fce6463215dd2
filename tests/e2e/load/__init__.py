"""Envoy with the filter at saturation, every tenth request a hostile one of the bypass corpus, and every answer checked.

Slices with and without the hostile ones alternate in one run, so that a machine that is slow for a while slows both.
"""
