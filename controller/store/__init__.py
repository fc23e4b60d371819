"""Durable state: one SQLite file. ``sqlite3`` is imported nowhere else."""
