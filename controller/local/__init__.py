"""The technician's side: local API and command line."""
