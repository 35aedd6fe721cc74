"""The library: one file that remembers pictures, embeddings, characters and decisions."""
