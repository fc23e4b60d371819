"""What the CSMS has the station do beside charging: firmware updates, uploads of logs, files for both."""
