"""The numbers that Turnout promises, measured against a bare pygls server or another plain baseline in the same run.

Run it with `make bench`; `docs/benchmarks.md` says what each figure means and which command makes it.
Invariant: ours and the baseline take turns, so that whatever else this machine does weighs on both.
"""
