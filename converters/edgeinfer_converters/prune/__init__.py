"""Training-free pruning: channels that can go, a smaller model without them."""
