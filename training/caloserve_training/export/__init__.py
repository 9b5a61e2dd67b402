"""From a trained Keras generator to one ONNX graph: as it is, fused, or fused with its largest product in int8."""
