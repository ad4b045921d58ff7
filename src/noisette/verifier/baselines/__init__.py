"""The baselines of the CleanNet paper, one file each, under the contract of every verifier."""
