"""Running networks: the device that they run on, and ONNX Runtime's sessions."""
