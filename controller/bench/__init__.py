"""For the desk: demo, a CSMS, a supervisor for both processes."""
