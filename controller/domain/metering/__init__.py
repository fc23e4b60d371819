"""What is measured: values, when they are sampled, registers that jump."""
