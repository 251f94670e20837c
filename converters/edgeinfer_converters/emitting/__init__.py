"""One model after the other, in each precision and format, until one is good enough."""
