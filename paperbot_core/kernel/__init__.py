"""The step: plain functions on flat records, the same lines for backtest, DRY_RUN, PAPER and LIVE.

No I/O, no clock, no randomness in here. The compiled driver hands these functions to numba, the
plain driver calls them as they are; both give the same numbers to the last bit.
"""
