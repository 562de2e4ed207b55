"""Adapters: the shapes of the plain protocol, RxDB and WatermelonDB over intake and feed."""
