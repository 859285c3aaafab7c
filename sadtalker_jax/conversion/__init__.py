"""Published weights and models of others into the arrays we run on."""
