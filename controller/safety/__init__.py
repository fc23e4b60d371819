"""Process 1: decides whether mains is on. Imports the standard library and ``hal.interface`` only."""
