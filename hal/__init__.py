"""Hardware abstraction: what a charge point's hardware is, and the drivers that reach it."""
