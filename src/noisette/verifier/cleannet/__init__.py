"""CleanNet: the network of the paper, its training, and the verifier around it."""
