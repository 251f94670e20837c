"""TensorFlow Lite files, read with every offset checked, and what the runtime takes for granted in them."""
