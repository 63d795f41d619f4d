"""The peers, set up as their own documentation says."""
