"""Pure rules between the verifier and all that uses its scores: thresholds, probabilities, weights, decisions."""
