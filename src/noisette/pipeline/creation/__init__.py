"""How a workspace begins: from pictures, from files of features, from the reference implementation's files."""
