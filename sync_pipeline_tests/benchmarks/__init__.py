"""What the product costs (P1–P9), each figure beside its limit and its peer, measured in the same run."""
