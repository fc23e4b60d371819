"""A world in volts, bytes and time: vehicle, mains, contactor, meter, reader and their faults."""
