select
    flights.origin,
    flights.destination,
    airports.airport_name as destination_name,
    count(*) as flights,
    count(distinct flights.carrier) as carriers,
    {{ two_decimals('avg(flights.air_minutes)') }} as mean_air_minutes
from {{ ref('stg_flights') }} as flights
left join {{ ref('stg_airports') }} as airports on flights.destination = airports.airport
group by flights.origin, flights.destination, airports.airport_name
order by flights desc, flights.origin, flights.destination
