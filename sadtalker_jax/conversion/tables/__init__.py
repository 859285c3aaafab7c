"""Tables of names, released tensors to our variables: one file a family."""
