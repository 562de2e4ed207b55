"""The shapes that the databases of other people's apps want, thin over intake and feed."""
