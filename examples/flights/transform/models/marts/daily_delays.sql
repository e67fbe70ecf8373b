select
    flight_date,
    origin,
    count(*) as flights,
    count(*) filter (where is_cancelled) as cancelled,
    {{ two_decimals('avg(departure_delay_minutes)') }} as mean_departure_delay,
    {{ two_decimals('avg(arrival_delay_minutes)') }} as mean_arrival_delay
from {{ ref('stg_flights') }}
group by flight_date, origin
order by flight_date, origin
