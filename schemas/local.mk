# SPDX-License-Identifier: LGPL-2.1-or-later
# one JSON Schema a command; tests/golden/run validates what it prints against them
schemadir = $(pkgdatadir)/schemas
dist_schema_DATA = \
	schemas/ctscope.list.json \
	schemas/ctscope.status.json
dist_schema_DATA += schemas/ctscope.network.json
dist_schema_DATA += schemas/ctscope.backups.json
dist_schema_DATA += schemas/ctscope.logs.json
dist_schema_DATA += schemas/ctscope.ps.json
dist_schema_DATA += schemas/ctscope.usage.json
dist_schema_DATA += schemas/ctscope.config.json
dist_schema_DATA += schemas/ctscope.snapshots.json
dist_schema_DATA += schemas/ctscope.top.json
dist_schema_DATA += schemas/ctscope.hooks.json
dist_schema_DATA += schemas/ctscope.history.json
dist_schema_DATA += schemas/ctscope.events.json
dist_schema_DATA += schemas/ctscope.incidents.json
dist_schema_DATA += schemas/ctscope.drift.json
dist_schema_DATA += schemas/ctscope.df.json
dist_schema_DATA += schemas/ctscope.audit.json
dist_schema_DATA += schemas/ctscope.audit-sarif.json
dist_schema_DATA += schemas/ctscope.doctor.json
