"""The DAG folder as Airflow's DAG processor watches it: an edit of sellers.yaml counts as an edit of the DAG files.

A thousand DAGs cost seconds to parse and more to store, so an unchanged file is parsed every five minutes only; what
changed is parsed at once. Airflow looks at the DAG files' own times, and ours say what another file says.
"""

from __future__ import annotations

import logging

from airflow.dag_processing.bundles.local import LocalDagBundle

from include.errors import SettingsError
from include.settings import load_settings

log = logging.getLogger(__name__)


class DagFolder(LocalDagBundle):
    """Airflow's own folder of DAGs; see the module."""

    def refresh(self) -> None:
        """Make no DAG file look older than the sellers' file; a folder that is read-only stays as it is."""
        try:
            edited_s = load_settings().sellers_file.stat().st_mtime
            for file in self.path.glob("*.py"):
                if file.stat().st_mtime < edited_s:
                    file.touch()
        except (OSError, SettingsError) as refused:
            # A setting that nobody can read is told by every DAG file; a bundle that fails would hide that.
            log.debug("DAG files cannot be marked as changed: %s", refused)
