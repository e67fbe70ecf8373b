{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='order_id',
          meta={'floe': {'partitions': {'every': 'day', 'start': '2024-01-01'}}}) }}
select * from {{ ref('stg_orders') }}
{% if var('floe_window_start', none) %}
where ordered_at >= timestamptz '{{ var("floe_window_start") }}' and ordered_at < timestamptz '{{ var("floe_window_end") }}'
{% endif %}
