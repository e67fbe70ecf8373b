{% snapshot customers_over_time %}
{{ config(unique_key='customer', strategy='check', check_cols=['amount'], target_schema='main') }}
select * from {{ ref('customers') }}
{% endsnapshot %}
