"""From pictures to embeddings: the encoder contract, ONNX Runtime, the pipeline, the cache."""
