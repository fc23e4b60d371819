"""Joulepost: the charge point controller. Kept empty: the safety process imports this package."""
