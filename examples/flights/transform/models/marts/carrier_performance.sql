select
    flights.carrier,
    airlines.airline,
    count(*) as flights,
    count(*) filter (where flights.is_cancelled) as cancelled,
    {{ two_decimals('100.0 * count(*) filter (where flights.arrival_delay_minutes < 15) / count(*)') }} as on_time_percent,
    {{ two_decimals('avg(flights.arrival_delay_minutes)') }} as mean_arrival_delay
from {{ ref('stg_flights') }} as flights
inner join {{ ref('stg_airlines') }} as airlines on flights.carrier = airlines.carrier
group by flights.carrier, airlines.airline
order by flights desc, flights.carrier
