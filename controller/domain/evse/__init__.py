"""One EVSE: what is plugged in, who may charge, the transaction, and the hardware behind it."""
