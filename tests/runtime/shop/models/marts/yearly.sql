{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='ordered_at', batch_size='year',
          begin='2024-01-01') }}
select * from {{ ref('stg_orders') }}
