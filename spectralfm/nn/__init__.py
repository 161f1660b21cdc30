"""The network, torch only: one part a file, assembled in `encoder`."""
