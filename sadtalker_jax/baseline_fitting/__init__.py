"""How the weights of the `baseline` lips are fitted; an offline tool."""
