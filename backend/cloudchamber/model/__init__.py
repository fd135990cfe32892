"""What a GGUF holds before it runs: header, vocabulary, embedding, projection, discovery."""
