"""Nearest neighbours of feature rows, and the duplicates among them."""

from noisette.neighbors.conflicts import ConflictingGroup, conflicting_groups
from noisette.neighbors.duplicates import DUPLICATE_SIMILARITY, DuplicateLinks, find_duplicates
from noisette.neighbors.index import NeighborIndex, build_index
from noisette.neighbors.records import Neighbors
from noisette.neighbors.table_search import search_table

__all__ = [
    "DUPLICATE_SIMILARITY",
    "ConflictingGroup",
    "DuplicateLinks",
    "NeighborIndex",
    "Neighbors",
    "build_index",
    "conflicting_groups",
    "find_duplicates",
    "search_table",
]
