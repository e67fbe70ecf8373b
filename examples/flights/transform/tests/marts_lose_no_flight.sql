-- Each mart splits the same flights in another way, so each adds up to the same number.
with totals as (
    select 'daily_delays' as mart, sum(flights) as flights from {{ ref('daily_delays') }}
    union all
    select 'carrier_performance', sum(flights) from {{ ref('carrier_performance') }}
    union all
    select 'busiest_routes', sum(flights) from {{ ref('busiest_routes') }}
    union all
    select 'fleet_age', sum(flights) from {{ ref('fleet_age') }}
)

select *
from totals
where flights <> (select count(*) from {{ ref('stg_flights') }})
