"""Several runs of one recipe as one experiment: under several seeds, with what they say together."""
