"""Order services that others wrote: what they do with the status of an order, done again in words of our own.

Each module names the repository, the files, the commit and the licence that it was read at. No code is copied; the
mistakes are those of the original, none is added. A chart beside each says what the original's own documents say.
"""
