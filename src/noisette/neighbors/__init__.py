"""Nearest neighbours of feature rows, and the duplicates among them."""

from noisette.neighbors.index import NeighborIndex, build_index
from noisette.neighbors.records import Neighbors
from noisette.neighbors.table_search import search_table

__all__ = ["NeighborIndex", "Neighbors", "build_index", "search_table"]
