"""A workspace and its steps: which reads and writes what, what is done, what is stale; where steps and store meet."""
