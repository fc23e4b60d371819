"""The settings catalogue: every variable once; 1.6 keys and 2.0.1 variables are views of the same rows."""
