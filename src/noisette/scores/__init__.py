"""Pure rules between the verifier and everything that uses its scores: thresholds, probabilities, weights, decisions."""
