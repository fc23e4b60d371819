"""Drivers for Raspberry Pi and other Linux boards.

The only place that imports gpiozero, spidev, pymodbus clients and serial.
"""
