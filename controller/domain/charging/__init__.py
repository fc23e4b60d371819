"""Charging profiles: what is installed, what holds when, what each EVSE gets of it."""
