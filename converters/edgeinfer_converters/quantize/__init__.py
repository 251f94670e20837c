"""Quantization: ranges, weights and the placement of QuantizeLinear and DequantizeLinear."""
