"""What leaves a workspace: a table of every label, or a cleaned data set."""
