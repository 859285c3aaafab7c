"""Networks that read phones in sound: `lipnet`."""
