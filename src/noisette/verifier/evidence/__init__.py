"""The evidence verifier: what speaks for a label, weighed by the verified ones."""
