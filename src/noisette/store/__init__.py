"""Our own files: feature tables, samples, scores and provenance on disk, and the review database."""

from noisette.store.artifacts import about_path, file_hash, folder_hash, read_about, write_about
from noisette.store.manifest import StoredType, TableManifest, TablePart, has_manifest, read_manifest
from noisette.store.neighbor_table import NeighborRows, NeighborTable, write_neighbors
from noisette.store.parquet_table import ParquetTable
from noisette.store.resumable_table import ResumableTable, read_notes, unfinished_metadata
from noisette.store.review_columns import DrawColumns, StandingColumns, places_in
from noisette.store.review_database import sqlite_url, without_password
from noisette.store.review_records import ClassProgress, Draw, Repair, ResolvedLabels, ReviewCounts, StoredReview
from noisette.store.review_store import ReviewStore
from noisette.store.samples import count_samples, iter_sample_batches, read_samples, write_samples
from noisette.store.small_tables import read_table, read_table_metadata, write_table
from noisette.store.table_writer import finished_rows, write_feature_table

__all__ = [
    "ClassProgress",
    "Draw",
    "DrawColumns",
    "NeighborRows",
    "NeighborTable",
    "ParquetTable",
    "Repair",
    "ResolvedLabels",
    "ResumableTable",
    "ReviewCounts",
    "ReviewStore",
    "StandingColumns",
    "StoredReview",
    "StoredType",
    "TableManifest",
    "TablePart",
    "about_path",
    "count_samples",
    "file_hash",
    "finished_rows",
    "folder_hash",
    "has_manifest",
    "iter_sample_batches",
    "places_in",
    "read_about",
    "read_manifest",
    "read_notes",
    "read_samples",
    "read_table",
    "read_table_metadata",
    "sqlite_url",
    "unfinished_metadata",
    "without_password",
    "write_about",
    "write_feature_table",
    "write_neighbors",
    "write_samples",
    "write_table",
]
