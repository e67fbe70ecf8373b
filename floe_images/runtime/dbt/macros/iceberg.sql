{# dbt-duckdb's materializations where a table lies in an attached Iceberg catalog. `lake.py` puts these macros beside
   dbt-duckdb's own, which then ask floe_in_catalog first. DuckDB cannot replace a table there, nor make one of a name
   that the same transaction has dropped, and its DELETE leaves the old files to be read: so what is there is
   overwritten by PyIceberg, in one commit that keeps the table's history. #}

{% macro floe_in_catalog(relation) -%}
  {{ return(relation is defined and relation is not none and adapter.floe_in_catalog(relation.database)) }}
{%- endmacro %}

{# Iceberg has not all of DuckDB's types: cast what it has not. #}
{% macro floe_select(sql) -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- if header -%}{%- do run_query(header) -%}{%- endif -%}
  {%- set columns = [] -%}
  {%- set casts = [] -%}
  {%- for row in run_query("select column_name, column_type from (describe " ~ sql ~ "\n)").rows -%}
    {%- set wanted = adapter.floe_type(row[1]) -%}
    {%- set name = adapter.quote(row[0] | replace('"', '""')) -%}
    {%- if wanted != row[1] -%}
      {%- do casts.append(name) -%}
      {%- do columns.append("cast(" ~ name ~ " as " ~ wanted ~ ") as " ~ name) -%}
    {%- else -%}
      {%- do columns.append(name) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(sql if not casts else "select " ~ columns | join(", ") ~ " from (\n" ~ sql ~ "\n) as floe_typed") }}
{%- endmacro %}

{% macro floe_create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced -%}
    {%- do get_assert_columns_equivalent(sql) -%}
    {%- set sql = get_select_subquery(sql) -%}
  {%- endif -%}
  {%- set partition = none if temporary else adapter.floe_partition(config.get('partition_by', none) or config.get('partitioned_by', none), relation) -%}
  {%- set made %}
    create {% if temporary %}temporary {% endif %}table {{ relation.include(database=(not temporary), schema=(not temporary)) }}
    {% if partition %}partitioned by ({{ partition }}){% endif %}
    {% if not temporary %}with ('format-version' = '2'){% endif %}
    as (
      {{ floe_select(sql) }}
    )
  {%- endset -%}
  {{ return(made) }}
{%- endmacro %}

{# Table, and incremental where it is made whole: made by DuckDB, or overwritten. #}
{% macro floe_catalog_table() -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set relation = this.incorporate(type='table') -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- if existing is none -%}
    {%- call statement('main', language=model['language']) -%}
      {{ create_table_as(False, relation, compiled_code, model['language']) }}
    {%- endcall -%}
  {%- else -%}
    {%- set staged = make_temp_relation(relation) -%}
    {%- call statement('main') -%}
      {{ create_table_as(True, staged, compiled_code) }}
    {%- endcall -%}
    {%- do adapter.floe_overwrite(staged, relation, config.get('partition_by', none) or config.get('partitioned_by', none)) -%}
    {%- do run_query("drop table " ~ staged) -%}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do adapter.commit() -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [relation]}) }}
{%- endmacro %}

{% macro floe_catalog_seed() -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set relation = this.incorporate(type='table') -%}
  {%- set rows = load_agate_table() -%}
  {%- do store_result('agate_table', response='OK', agate_table=rows) -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- set staged = make_temp_relation(relation) -%}
  {%- set given = model['config'].get('column_types', {}) -%}
  {%- set quoted = model['config'].get('quote_columns', none) -%}
  {%- set columns = [] -%}
  {%- for name in rows.column_names -%}
    {%- set type = adapter.floe_type(given.get(name, adapter.convert_type(rows, loop.index0))) -%}
    {%- do columns.append(adapter.quote_seed_column(name | string, quoted) ~ " " ~ type) -%}
  {%- endfor -%}
  {%- call statement('floe_seed') -%}
    create temporary table {{ staged }} ({{ columns | join(", ") }});
    copy {{ staged }} from '{{ adapter.escape_sql_string(adapter.get_seed_file_path(model)) }}'
      (format csv, header true, delimiter '{{ config.get('delimiter', ',') }}');
  {%- endcall -%}
  {%- if existing is none -%}
    {%- call statement('floe_made') -%}
      create table {{ relation }} with ('format-version' = '2') as (select * from {{ staged }})
    {%- endcall -%}
  {%- else -%}
    {%- do adapter.floe_overwrite(staged, relation, none) -%}
  {%- endif -%}
  {%- do run_query("drop table " ~ staged) -%}
  {%- set count = rows.rows | length -%}
  {%- call noop_statement('main', 'INSERT ' ~ count, 'INSERT', count) -%}{%- endcall -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do adapter.commit() -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [relation]}) }}
{%- endmacro %}

{% macro floe_drop_relation(relation) -%}
  {%- call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type }} if exists {{ relation }}
  {%- endcall -%}
{%- endmacro %}
